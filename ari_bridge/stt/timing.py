"""Every deadline and pace of a recogniser's shell, in one value that tests can speed up. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of wall time; `catch_up` is how many seconds of backlog go out in a second."""

    tick_s: float = 0.1  # housekeeping: paced backlog, keepalive, stalls
    connect_s: float = 5.0  # TCP, TLS and handshake together
    ping_s: float = 5.0
    pong_s: float = 4.0  # a half-open line is found within ping_s + pong_s
    close_s: float = 1.0
    probe_s: float = 0.8  # a line that owes a leg's last words answers a ping within this time
    answer_s: float = 8.0  # first message of a session that was fed
    stall_s: float = 7.0  # audio sent, none processed
    keepalive_s: float = 10.0  # Soniox closes after 20 s without audio
    roll_over_s: float = 290 * 60.0  # Soniox closes at 300 minutes
    roll_over_grace_s: float = 300.0  # how long a roll-over waits for a pause
    idle_close_s: float = 0.0  # 0: never
    show_down_s: float = 2.0  # a shorter break is shown to nobody
    retry_first_s: float = 0.5
    retry_max_s: float = 8.0
    gate_max_s: float = 3.0  # while the service is away one leg tries for all: often, it costs one request
    stop_probe_s: float = 30.0  # how often a fault that needs a person is tried again
    limit_probe_s: float = 5.0  # first wait before a place is tried that the peer refused
    limit_probe_max_s: float = 30.0
    examine_first_s: float = 1.5  # so long the first streams wait for what the account tells of itself
    examine_s: float = 600.0  # how often it is asked again
    minute_s: float = 61.0  # the window of the request limit, and by how much requests may bunch on their way
    spacing_s: float = 0.02  # between two connections made
    catch_up: float = 5.0

    def faster(self, factor: float) -> Timing:
        """The same with all deadlines divided, the pace multiplied by `factor`: for a peer whose clock runs faster."""
        scaled = {f.name: getattr(self, f.name) / factor for f in fields(self) if f.name.endswith("_s")}
        return Timing(**scaled, catch_up=self.catch_up * factor)
