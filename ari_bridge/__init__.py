"""ari_bridge: live transcripts and hints beside an Asterisk PBX, without touching the call."""

__version__ = "0.1.0"
