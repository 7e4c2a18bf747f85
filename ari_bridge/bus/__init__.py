"""What several nodes share: every node's hub is told the same, in one order, by Redis."""
