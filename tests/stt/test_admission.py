"""Who may have a stream, decided without a clock."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ari_bridge.events import Leg
from ari_bridge.stt.admission import MAX_TRYING, Admission, Place, Wait
from ari_bridge.stt.timing import Timing

TIMING = Timing(spacing_s=0.0)


def admission(places: int = 10, a_minute: int = 100, timing: Timing = TIMING) -> Admission:
    return Admission(places, a_minute, timing, Random(1))


def client(number: int) -> Place:
    return Place(Leg.CLIENT, float(number), number)


def operator(number: int) -> Place:
    return Place(Leg.OPERATOR, float(number), 1000 + number)


def waits(decision: object) -> dict[Place, Wait]:
    return dict(decision.waiting)  # type: ignore[attr-defined]


def live(desk: Admission, places: list[Place], now: float = 0.0) -> None:
    for place in places:
        desk.ask(place, now)
    for place in desk.decide(now).start:
        desk.accepted(place)


def test_clients_before_operators_and_the_oldest_call_first() -> None:
    desk = admission(places=5)
    places = [operator(1), client(3), operator(2), client(1), operator(3), client(2)]
    for place in places:
        desk.ask(place, 0)
    decision = desk.decide(0)
    assert decision.start == (client_of(places, 1), client_of(places, 2), client_of(places, 3), places[0], places[2])
    assert waits(decision) == {places[4]: Wait.LIMIT}
    assert decision.evict == ()


def client_of(places: list[Place], number: int) -> Place:
    return next(place for place in places if place.leg is Leg.CLIENT and place.serial == number)


def test_a_place_that_frees_goes_to_the_next_in_order() -> None:
    desk = admission(places=1)
    first, second, third = client(1), client(2), client(3)
    for place in (third, second, first):
        desk.ask(place, 0)
    assert desk.decide(0).start == (first,)
    desk.accepted(first)
    assert desk.decide(1).start == ()
    desk.leave(first)
    assert desk.decide(2).start == (second,)


def test_who_is_ending_comes_first() -> None:
    desk = admission(places=1)
    old, ending = client(1), operator(9)
    desk.ask(old, 0)
    desk.ask(ending, 50)
    desk.hurry(ending, 0)
    assert desk.decide(0).start == (ending,)


def test_a_waiting_client_takes_the_place_of_the_last_operator_only() -> None:
    desk = admission(places=4)
    places = [client(1), operator(1), client(2), operator(2)]
    live(desk, places)
    third, fourth = client(3), client(4)
    desk.ask(third, 1)
    decision = desk.decide(1)
    assert decision.evict == (places[3],)
    assert waits(decision) == {third: Wait.LIMIT}
    assert desk.decide(1).evict == ()  # one is on its way
    desk.ask(fourth, 1)
    assert desk.decide(1).evict == (places[1],)
    desk.ask(places[3], 2)
    assert desk.decide(2).start == (third,)
    desk.leave(places[1])
    assert desk.decide(2).start == (fourth,)
    fifth = client(5)
    desk.ask(fifth, 3)
    desk.accepted(third)
    desk.accepted(fourth)
    assert desk.decide(3).evict == ()  # clients keep their places


def test_an_operator_never_takes_a_place() -> None:
    desk = admission(places=1)
    live(desk, [operator(5)])
    desk.ask(operator(1), 1)
    assert desk.decide(1).evict == ()


def test_an_operator_who_is_ending_keeps_the_place() -> None:
    desk = admission(places=1)
    ending = operator(5)
    live(desk, [ending])
    desk.hurry(ending, 1)
    desk.ask(client(1), 1)
    assert desk.decide(1).evict == ()


def test_no_more_requests_than_a_minute_has() -> None:
    desk = admission(places=100, a_minute=3)
    places = [client(number) for number in range(5)]
    for place in places:
        desk.ask(place, 0)
    decision = desk.decide(0)
    assert decision.start == tuple(places[:3])
    assert waits(decision) == {places[3]: Wait.RATE, places[4]: Wait.RATE}
    assert decision.wake_at == 61
    assert desk.decide(59.9).start == ()
    assert desk.decide(61).start == tuple(places[3:])


def test_connections_are_spaced_and_few_at_a_time() -> None:
    desk = admission(places=100, timing=Timing(spacing_s=0.05))
    for number in range(40):
        desk.ask(client(number), 0)
    decision = desk.decide(0)
    assert len(decision.start) == 1
    assert waits(decision) == {}
    assert decision.wake_at == 0.05
    desk = admission(places=100)
    for number in range(40):
        desk.ask(client(number), 0)
    started = desk.decide(0).start
    assert len(started) == MAX_TRYING
    desk.accepted(started[0])
    assert len(desk.decide(0).start) == 1


def test_a_leg_waits_out_its_own_back_off() -> None:
    desk = admission()
    place = client(1)
    desk.ask(place, 5)
    decision = desk.decide(0)
    assert (decision.start, decision.waiting, decision.wake_at) == ((), (), 5)
    assert desk.decide(5).start == (place,)


def test_while_the_service_is_away_one_leg_tries_for_all_and_all_come_back_in_order() -> None:
    desk = admission(places=100)
    places = [client(number) for number in range(20)]
    live(desk, places[:16])
    for place in places:
        desk.ask(place, 0)  # the network is gone: every session died
    started = desk.decide(0).start
    assert len(started) == MAX_TRYING
    for place in started:
        desk.unreachable(0.1)
        desk.ask(place, 0.1)
    assert desk.gate_closed
    tried: list[Place] = []
    now = 0.1
    for _ in range(10):
        decision = desk.decide(now)
        assert len(decision.start) <= 1
        if not decision.start:
            assert set(waits(decision).values()) == {Wait.GATE}
            assert decision.wake_at is not None
            assert decision.wake_at > now
            now = decision.wake_at
            continue
        assert desk.decide(now).start == ()  # nobody else meanwhile
        tried += decision.start
        now += 0.05
        desk.unreachable(now)
        desk.ask(decision.start[0], now)
    assert len(set(tried)) == len(tried) > 3  # in turn: one bad leg blocks nobody
    (probe,) = desk.decide(now + 61).start
    desk.accepted(probe)
    assert not desk.gate_closed
    back = desk.decide(now + 61).start
    assert list(back) == [place for place in places if place is not probe][: len(back)]


def test_failures_that_come_together_count_once() -> None:
    desk = admission(places=100)
    for number in range(MAX_TRYING):
        desk.ask(client(number), 0)
    started = desk.decide(0).start
    for place in started:
        desk.unreachable(1.0)
        desk.ask(place, 1.0)
    decision = desk.decide(1.0)
    assert decision.wake_at is not None
    assert decision.wake_at <= 1.0 + TIMING.retry_first_s


def test_a_fault_that_needs_a_person_is_tried_again_slowly() -> None:
    desk = admission()
    first, second = client(1), client(2)
    for place in (first, second):
        desk.ask(place, 0)
    desk.decide(0)
    for place in (first, second):
        desk.stopped(place, 0, alone=False)
        desk.ask(place, 0)
    assert waits(desk.decide(0)) == {first: Wait.GATE, second: Wait.GATE}
    assert desk.decide(29.9).start == ()
    assert len(desk.decide(30).start) == 1


def test_one_legs_own_fault_closes_no_gate_while_others_live() -> None:
    desk = admission()
    good, bad = client(1), client(2)
    live(desk, [good, bad])
    desk.ask(bad, 0)
    desk.stopped(bad, 0, alone=True)
    assert not desk.gate_closed
    assert desk.decide(29).start == ()
    assert desk.decide(30).start == (bad,)
    desk.leave(good)
    desk.stopped(bad, 30, alone=True)
    assert desk.gate_closed


def test_a_refused_place_is_felt_for_again_one_at_a_time() -> None:
    desk = admission(places=10)
    places = [client(number) for number in range(4)]
    live(desk, places[:2])
    for place in places[2:]:
        desk.ask(place, 0)
    for place in desk.decide(0).start:
        desk.full(place, 0)
        desk.ask(place, 0)
    decision = desk.decide(0)
    assert waits(decision) == {places[2]: Wait.LIMIT, places[3]: Wait.LIMIT}
    assert decision.wake_at is not None
    assert 2.5 <= decision.wake_at <= 10
    again = desk.decide(decision.wake_at).start
    assert again == (places[2],)
    desk.accepted(places[2])
    more = desk.decide(decision.wake_at).wake_at
    assert more is not None
    assert desk.decide(more).start == (places[3],)


def test_news_of_a_stream_that_left_changes_nothing() -> None:
    desk = admission()
    place = client(1)
    desk.accepted(place)
    assert desk.decide(0).start == ()


class AdmissionModel(RuleBasedStateMachine):
    """Whatever happens in whatever order: never more than the places, never more than the minute's requests."""

    places = Bundle("places")

    def __init__(self) -> None:
        super().__init__()
        self.desk = admission(places=3, a_minute=8)
        self.now = 0.0
        self.connected: set[Place] = set()
        self.trying: set[Place] = set()
        self.requests: list[float] = []
        self.serial = 0

    @rule(target=places, leg=st.sampled_from(Leg), age=st.integers(0, 5))
    def opened(self, leg: Leg, age: int) -> Place:
        self.serial += 1
        place = Place(leg, float(age), self.serial)
        self.desk.ask(place, self.now)
        return place

    @rule(step=st.floats(0, 20))
    def decided(self, step: float) -> None:
        self.now += step
        decision = self.desk.decide(self.now)
        for place in decision.evict:
            assert place in self.connected
            assert place.leg is Leg.OPERATOR
            self.connected.remove(place)
            self.desk.ask(place, self.now)
        for place in decision.start:
            self.trying.add(place)
            self.requests.append(self.now)
        assert decision.wake_at is None or decision.wake_at > self.now

    @rule(what=st.sampled_from(("accepted", "unreachable", "full", "stopped", "dropped")), data=st.data())
    def happened(self, what: str, data: st.DataObject) -> None:
        group = self.connected if what == "dropped" else self.trying
        if not group:
            return
        place = data.draw(st.sampled_from(sorted(group, key=lambda place: place.serial)))
        group.remove(place)
        if what == "accepted":
            self.connected.add(place)
            self.desk.accepted(place)
            return
        self.desk.ask(place, self.now)
        if what == "unreachable":
            self.desk.unreachable(self.now)
        elif what == "full":
            self.desk.full(place, self.now)
        elif what == "stopped":
            self.desk.stopped(place, self.now, alone=data.draw(st.booleans()))

    @rule(place=consumes(places))
    def left(self, place: Place) -> None:
        self.desk.leave(place)
        self.connected.discard(place)
        self.trying.discard(place)

    @rule(place=places)
    def hurried(self, place: Place) -> None:
        self.desk.hurry(place, self.now)

    @invariant()
    def within_limits(self) -> None:
        assert len(self.connected) + len(self.trying) <= 3
        assert sum(self.now - moment < 61 for moment in self.requests) <= 8


TestAdmissionModel = AdmissionModel.TestCase


@given(st.lists(st.tuples(st.sampled_from(Leg), st.integers(0, 20)), min_size=1, max_size=60), st.integers(1, 12))
def test_all_who_want_get_a_place_in_time(wishes: list[tuple[Leg, int]], places: int) -> None:
    """With calls that end after a while nobody starves."""
    desk = admission(places=places, a_minute=10_000)
    wanted = [Place(leg, float(at), number) for number, (leg, at) in enumerate(wishes)]
    for place in wanted:
        desk.ask(place, 0)
    served: set[Place] = set()
    now = 0.0
    for _ in range(10 * len(wanted) + 10):
        now += 1
        for place in desk.decide(now).start:
            desk.accepted(place)
            served.add(place)
            desk.leave(place)
    assert served == set(wanted)


def test_a_hundred_calls_that_lose_the_network_come_back_in_order_and_under_the_request_limit() -> None:
    """200 legs, away for 8 s; an attempt fails after 0.2 s, a connection takes 0.3 s. Simulated time, 50 ms a step."""
    desk = Admission(200, 95, Timing(), Random(1))
    places = [make(number) for number in range(100) for make in (client, operator)]
    requests: list[float] = []
    pending: list[tuple[float, Place]] = []
    back: dict[Place, float] = {}
    for place in places:
        desk.ask(place, 0)
    for step in range(3000):
        now = step / 20
        for due, place in [entry for entry in pending if entry[0] <= now]:
            pending.remove((due, place))
            if now < 8:
                desk.unreachable(now)
                desk.ask(place, now)
            else:
                desk.accepted(place)
                back[place] = now
        for place in desk.decide(now).start:
            requests.append(now)
            pending.append((now + (0.2 if now < 8 else 0.3), place))
    assert len(back) == 200
    for first in requests:
        assert sum(first <= moment < first + 61 for moment in requests) <= 95
    order = sorted(back, key=lambda place: back[place])
    assert order[1:] == sorted(set(places) - {order[0]}, key=lambda place: place.order)
    clients = [back[place] for place in places if place.leg is Leg.CLIENT]
    in_first_minute = sum(moment < 20 for moment in back.values())
    assert in_first_minute >= 70  # what the attempts while it was away left of the minute
    assert max(clients) < 80
    assert max(back.values()) < 150
