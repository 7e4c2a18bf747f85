"""The demo: a virtual PBX and stand-ins for the services, spoken to over sockets only."""
