"""Decides, for one call, what is shown and what is asked. Pure: events and `now` in, commands out.

Joins the room's cores: `tracker` hears cards in the client's words, `stage` brings them onto the screen, `policy` says
when the model is asked, `refinement` what becomes of its answer. Every decision is a command too, for the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ari_bridge.events import Leg, Priority, Source, Suggestion, SuggestionState, Transcript, Verdict
from ari_bridge.hints.checklist import Progress
from ari_bridge.hints.commands import Ask, Cancel, Command, Orders
from ari_bridge.hints.compiled import Compiled
from ari_bridge.hints.conversation import Conversation
from ari_bridge.hints.draft import DraftError
from ari_bridge.hints.gate import is_question, worth_asking
from ari_bridge.hints.governor import Mode
from ari_bridge.hints.limits import Limits
from ari_bridge.hints.masking import mask
from ari_bridge.hints.playbook import Card
from ari_bridge.hints.policy import Act, Input, Requests, State, Trigger
from ari_bridge.hints.prompt import LEAST_UTTERANCES, MOST_UTTERANCES, UNANSWERED
from ari_bridge.hints.recollection import id_of_card, shown_before
from ari_bridge.hints.refinement import Refinement
from ari_bridge.hints.stage import Stage
from ari_bridge.hints.summary import Findings
from ari_bridge.hints.tracker import MAX_QUOTE, Sighting, Tracker, quote
from ari_bridge.history import CallRecord

_RANK = {Priority.LOW: 0, Priority.MEDIUM: 1, Priority.HIGH: 2}
BAD_ANSWER = "llm_bad_answer"
TIMEOUT = "llm_timeout"


@dataclass(slots=True)
class _Utterance:
    """The client's present utterance: which cards it brought (card id → suggestion id), which were decided on."""

    number: int = -1
    brought: dict[str, str] = field(default_factory=dict)
    ruled: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)  # no longer called for by the latest partial
    too_soon: set[str] = field(default_factory=set)  # not shown for the spacing: the final decides again


@dataclass(slots=True)
class Director:
    """One call. Every method returns the commands to carry out, in order."""

    call_id: str
    compiled: Compiled
    limits: Limits
    conversation: Conversation = field(default_factory=Conversation)
    stage: Stage = field(init=False)
    progress: Progress = field(init=False)
    _orders: Orders = field(default_factory=Orders)
    _requests: Requests = field(init=False)
    _tracker: Tracker = field(init=False)
    _mode: tuple[Mode, str] = (Mode.PLAYBOOK, "")
    _present: _Utterance = field(default_factory=_Utterance)
    _unsettled: tuple[Transcript, float] | None = None  # the latest partial, and when it counts as it is
    _question: Trigger | None = None
    _refinement: Refinement | None = None

    def __post_init__(self) -> None:
        self.stage = Stage(self.limits, self._orders)
        self.progress = Progress(self.compiled)
        self._requests = Requests(self.limits)
        self._tracker = Tracker(self.compiled)

    def recall(self, record: CallRecord, now: float, call_s: float | None) -> None:
        """What an earlier run of the daemon knew of the call, before `begin`: none of it is decided on again.

        `now` is `call_s` after the call's zero, None where it has none.
        """
        for line in record.transcript:
            self.conversation.add(line)
        if record.checklist is not None:
            self.progress.recall(record.checklist)
        self.stage.deck.recall(shown_before(record, now, call_s), now)

    def begin(self) -> list[Command]:
        """The call is known: its checklist."""
        if event := self.progress.event(self.call_id):
            self._orders.publish(event)
        return self._orders.flush()

    def adopt(self, compiled: Compiled) -> list[Command]:
        """A new playbook, from the next words on."""
        self.compiled = self._tracker.compiled = self.progress.compiled = compiled
        return self.begin()

    def hear(self, said: Transcript, now: float, mode: Mode, why: str = "") -> list[Command]:
        """A partial or final transcript of either leg; `why` explains a mode that is not full."""
        self._mode = (mode, why)
        if not said.final or self.conversation.add(said):
            if said.leg is Leg.CLIENT:
                self._hear_client(said, now)
            else:
                self._hear_operator(said)
        return self._orders.flush()

    def timer(self, now: float, mode: Mode, why: str = "") -> list[Command]:
        """Whatever is due by `now`; see `next_timer`."""
        self._mode = (mode, why)
        if self._unsettled and now >= self._unsettled[1]:
            said, self._unsettled = self._unsettled[0], None
            self._match(said, self._tracker.settle(said), now)
        self.stage.release(now)
        if self._question and now >= self._question.at + self.limits.unanswered_s:
            self._ask_unanswered(now)
        expired = self._requests.expired(now)
        if expired and expired[0] is Input.DUE:
            self._ask_or_drop(now)
        elif expired:
            self._step(Input.LATE, now, expired[1], fault=TIMEOUT)
        return self._orders.flush()

    def next_timer(self) -> float | None:
        """When `timer` wants to be called, None for never."""
        question = self._question.at + self.limits.unanswered_s if self._question else None
        settle = self._unsettled[1] if self._unsettled else None
        timers = (self._requests.next_timer(), self.stage.next_timer(), settle, question)
        return min((timer for timer in timers if timer is not None), default=None)

    def token(self, number: int, text: str, now: float) -> list[Command]:
        """A piece of the answer to request `number`."""
        if self._refinement is not None and self._requests.current(number):
            self._requests.step(Input.TOKEN, now)
            try:
                self._refinement.feed(text, now)
            except DraftError as error:
                self._step(Input.FAILED, now, str(error))
                self._orders.give(Cancel(number, str(error), BAD_ANSWER))
        return self._orders.flush()

    def answered(self, number: int, now: float) -> tuple[list[Command], str]:
        """The answer is whole. Also returns the code of a bad answer, "" for a proper one."""
        if self._refinement is None or not self._requests.current(number):
            return [], ""
        try:
            self._refinement.finish(now)
        except DraftError as error:
            self._step(Input.FAILED, now, str(error))
            return self._orders.flush(), BAD_ANSWER
        self._requests.step(Input.ANSWERED, now)
        self._refinement = None
        return self._orders.flush(), ""

    def failed(self, number: int, code: str, retryable: bool, now: float) -> list[Command]:
        """Request `number` came to nothing."""
        if self._requests.current(number):
            self._step(self._requests.failure(retryable, now), now, code)
        return self._orders.flush()

    def hang_up(self, now: float) -> list[Command]:
        """No further questions; words still come."""
        self._step(Input.CLOSE, now, "call_ended")
        self.stage.forget_waiting()
        self._question = self._unsettled = None
        return self._orders.flush()

    def feedback(self, suggestion_id: str, verdict: Verdict) -> tuple[Suggestion | None, list[Command]]:
        """The card with the verdict, None where there is no such card."""
        card = self.stage.deck.mark(suggestion_id, verdict)
        if card is None:
            return None, []
        self._orders.decide("feedback", verdict.value, card=card.id)
        if card.state is not SuggestionState.WITHDRAWN:
            self._orders.publish(card)
        return card, self._orders.flush()

    def findings(self) -> Findings:
        """What is known of the call, masked, for its summary."""
        return Findings(self.call_id, mask(self.conversation.lines), self.stage.deck.all())

    def _hear_operator(self, said: Transcript) -> None:
        if said.text or said.tail:
            self._question = None
        if self.progress.hear(said.text + said.tail) and (event := self.progress.event(self.call_id)):
            self._orders.publish(event)

    def _hear_client(self, said: Transcript, now: float) -> None:
        if said.utterance != self._present.number:
            self._present = _Utterance(said.utterance)
        hints = self._mode[0] is not Mode.TEXT
        standing = self._tracker.hear(said) if hints else ()
        self._match(said, standing, now)
        self._unsettled = self._settling(said, now) if hints and not said.final else None
        if said.final:
            self._consider(said, bool(standing), now)

    def _settling(self, said: Transcript, now: float) -> tuple[Transcript, float]:
        """When `said` counts as it is; words that are merely confirmed do not put it off."""
        if self._unsettled:
            before, due = self._unsettled
            if before.utterance == said.utterance and before.text + before.tail == said.text + said.tail:
                return said, due
        return said, now + self.limits.settle_s

    def _match(self, said: Transcript, standing: tuple[Sighting, ...], now: float) -> None:
        self._revise(said, standing)
        if said.final:  # words are stale so long after their end, not after their first hearing
            self._present.ruled -= self._present.too_soon
        for sighting in standing:
            if sighting.card_id not in self._present.ruled:
                self._present.ruled.add(sighting.card_id)
                self._bring(said, sighting, now)

    def _revise(self, said: Transcript, standing: tuple[Sighting, ...]) -> None:
        """Re-quote or withdraw cards of this utterance whose words changed; one odd partial is forgiven."""
        called = {sighting.card_id: sighting for sighting in standing}
        present = self._present
        for card_id, suggestion_id in list(present.brought.items()):
            if card_id in called:
                present.missing.discard(card_id)
                self.stage.requote(suggestion_id, called[card_id].quote, final=said.final)
            elif said.final or card_id in present.missing:
                del present.brought[card_id]
                present.missing.discard(card_id)
                present.ruled.discard(card_id)
                self.stage.withdraw(suggestion_id, "words_changed")
            else:
                present.missing.add(card_id)

    def _bring(self, said: Transcript, sighting: Sighting, now: float) -> None:
        """Offer a card; a second one of the same utterance only where it is more urgent than the first."""
        card = self.compiled.cards[sighting.card_id]
        brought = [self.compiled.cards[c].priority for c in self._present.brought if c in self.compiled.cards]
        if any(_RANK[priority] >= _RANK[card.priority] for priority in brought):
            self._orders.decide("suppressed", "weaker", utterance=said.utterance, card=card.id)
            return
        suggestion = self._from_card(card, said.utterance, sighting.quote)
        if self.stage.offer(suggestion, card.id, now, now + self.limits.stale_s):
            self._present.brought[card.id] = suggestion.id
        elif self.stage.spaced(suggestion, card.id, now):
            self._present.too_soon.add(card.id)

    def _consider(self, said: Transcript, matched: bool, now: float) -> None:
        """The client's utterance is final: is it worth a question to the model?"""
        reason = worth_asking(said.text, matched=matched)
        words = quote(said.text, 0, min(len(said.text), MAX_QUOTE))
        card_id = next(iter(self._present.brought), None)
        trigger = Trigger(said.utterance, words, reason or "", now, card_id)
        if is_question(said.text) and self._mode[0] is Mode.FULL and self._requests.state is not State.CLOSED:
            self._question = replace(trigger, reason=UNANSWERED)
        if reason is None:
            self._orders.decide("suppressed", "small_talk", utterance=said.utterance)
        else:
            self._trigger(trigger, now)

    def _ask_unanswered(self, now: float) -> None:
        """The client's question stands in the room and the operator is silent."""
        question, self._question = self._question, None
        helped = question and any(card.utterance == question.utterance for card in self.stage.deck.live(now))
        if question and not helped and self._requests.state is State.IDLE:
            self._trigger(replace(question, at=now), now)

    def _trigger(self, trigger: Trigger, now: float) -> None:
        mode, why = self._mode
        if mode is not Mode.FULL:
            self._orders.decide("suppressed", why or mode.value, utterance=trigger.utterance)
        else:
            self._step(Input.TRIGGER, now, "newer_words", trigger=trigger)

    def _ask_or_drop(self, now: float) -> None:
        trigger, (mode, why) = self._requests.trigger, self._mode
        if mode is not Mode.FULL or trigger is None:
            self._step(Input.LATE, now, why or mode.value)
            return
        self._requests.step(Input.DUE, now)
        card = self.compiled.cards.get(trigger.card_id) if trigger.card_id else None
        self._refinement = Refinement.begin(
            trigger,
            self.compiled.licence,
            self.stage,
            call_id=self.call_id,
            suggestion_id=id_of_card(self.call_id, trigger.utterance, card.id if card else None),
        )
        lines, start = self.conversation.recent(LEAST_UTTERANCES, MOST_UTTERANCES)
        before = self.conversation.lines[max(0, start - LEAST_UTTERANCES) : start]  # a number may begin there
        masked = mask((*before, *lines))[len(before) :]
        self._orders.give(Ask(self._requests.number, trigger, masked, card))
        self._orders.decide("asked", trigger.reason, utterance=trigger.utterance, card=trigger.card_id)

    def _step(self, given: Input, now: float, why: str, *, trigger: Trigger | None = None, fault: str = "") -> None:
        """One transition of the request, and what it entails."""
        before = self._requests.trigger
        utterance = before.utterance if before else None
        acts = self._requests.step(given, now, trigger)
        if Act.CANCEL in acts:
            self._orders.give(Cancel(self._requests.number, why, fault))
        if given is Input.LATE and Act.CANCEL in acts:
            self._orders.decide("expired", why, utterance=utterance)
        elif Act.CANCEL in acts:
            self._orders.decide("cancelled", why, utterance=utterance)
        elif Act.DROP in acts:
            self._orders.decide("suppressed", why, utterance=utterance)
        elif given in (Input.FAILED, Input.RETRY):
            self._orders.decide(given.value, why, utterance=utterance)
        if self._refinement and (Act.CANCEL in acts or Act.UNDO in acts):
            self._refinement.undo(why)
            self._refinement = None

    def _from_card(self, card: Card, utterance: int, words: str) -> Suggestion:
        return Suggestion(
            call_id=self.call_id,
            id=id_of_card(self.call_id, utterance, card.id),
            kind=card.kind,
            title=card.title,
            content=card.say,
            priority=card.priority,
            source=Source.PLAYBOOK,
            state=SuggestionState.COMPLETE,
            utterance=utterance,
            quote=words,
        )
