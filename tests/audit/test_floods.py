"""A flood of refusals becomes a few events, and none is uncounted."""

from backend.audit.events import Event, Note
from backend.audit.floods import MOST_OF_ONE_CALLER, WINDOW_SECONDS, Floods


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def _refusal(actor: str = "", target: str = "GET /", **more: str) -> Note:
    return Note(Event.REQUEST_REFUSED, actor, target, "refused", **more)  # type: ignore[arg-type]


def _told(notes: list[Note]) -> list[tuple[str, object]]:
    return [(note.target, note.details.get("repeated")) for note in notes]


def test_the_first_is_told_at_once_and_the_others_by_their_number_when_the_minute_ends() -> None:
    clock = Clock()
    floods = Floods(clock)
    assert _told(floods.admit(_refusal())) == [("GET /", None)]
    for _ in range(9):
        assert floods.admit(_refusal(request_id="another")) == []
    clock.seconds += WINDOW_SECONDS - 1
    assert floods.due() == []
    clock.seconds += 1
    assert _told(floods.due()) == [("GET /", 9)]
    assert floods.due() == []


def test_the_next_minute_begins_with_the_next_refusal_which_brings_the_last_minutes_number() -> None:
    clock = Clock()
    floods = Floods(clock)
    for _ in range(3):
        floods.admit(_refusal())
    clock.seconds += 10 * WINDOW_SECONDS
    assert _told(floods.admit(_refusal())) == [("GET /", 2), ("GET /", None)]
    assert floods.admit(_refusal()) == []


def test_what_differs_is_told_apart() -> None:
    floods = Floods(Clock())
    different = [
        _refusal(), _refusal("ada"), _refusal(target="POST /"), _refusal(address="::1"),
        Note(Event.REQUEST_REFUSED, "", "GET /", "failed"), Note(Event.REQUEST_REFUSED, "", "GET /", "refused", {"status": 403}),
        Note(Event.PERSON_SIGN_IN_FAILED, "", "GET /", "refused"),
    ]  # fmt: skip
    assert sum(len(floods.admit(note)) for note in different) == len(different)


def test_a_caller_who_varies_endlessly_is_counted_and_crowds_out_nobody_else() -> None:
    clock = Clock()
    floods = Floods(clock)
    written = sum(len(floods.admit(_refusal(target=str(number), address=str(number)))) for number in range(5000))
    assert written == MOST_OF_ONE_CALLER
    assert len(floods.admit(_refusal("ada"))) == 1
    (others,) = floods.due(ended=True)
    assert (others.target, others.address, others.details["repeated"]) == ("", "", 5000 - MOST_OF_ONE_CALLER)
    assert len(floods.admit(_refusal(target="again"))) == 1


def test_the_minute_under_way_can_be_ended() -> None:
    floods = Floods(Clock())
    floods.admit(_refusal())
    floods.admit(_refusal())
    assert _told(floods.due(ended=True)) == [("GET /", 1)]
