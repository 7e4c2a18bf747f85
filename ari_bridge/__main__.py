"""`python -m ari_bridge`."""

from ari_bridge.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
