"""ARI: how the daemon learns of calls and taps their legs."""
