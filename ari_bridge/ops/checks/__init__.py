"""What `ari-bridge check` looks at, a file for each place where the cause may be."""
