"""RTP and audio: packets in, ordered slices and frames out. Knows no ARI, no call, no speech recogniser."""
