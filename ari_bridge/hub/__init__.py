"""The hub: WebSocket fan-out, REST and the page."""
