"""The figures of a review for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from rich.console import Console

from cotmon.cli._review_places import Survey
from cotmon.evaluate.reviews import Agreement, Judged, Share, Verdicts, figures
from cotmon.report.figures import number, rated
from cotmon.report.table import counted, shown
from cotmon.store.reviews import Place, Review


def verdicts_of(reviews: Iterable[Review], words: Collection[str]) -> Verdicts:
    """Reviewer → words → verdict, the latest of each.

    Args:
        reviews: oldest first.
        words: hashes that count.
    """
    found: dict[str, dict[str, Judged]] = {}
    for review in reviews:
        if review.step_hash in words:
            own = found.setdefault(review.reviewer, {})
            own[review.step_hash] = Judged(review.verdict, review.blind)
    return found


def print_figures(console: Console, found: Survey, reviews: Collection[Review], run: str) -> None:
    """Precision of marks, prevalence among the unmarked, agreement.

    Args:
        console: where to.
        found: of the run.
        reviews: that count, oldest first.
        run: its id; what was drawn at random there is a random part of its unmarked steps.
    """
    verdicts = verdicts_of(reviews, {item.words for item in found.known})
    drawn: dict[str, dict[Place, str]] = {}
    for review in reviews:
        if review.run == run and review.sampled == "unmarked":
            drawn.setdefault(review.reviewer, {})[review.place] = review.step_hash
    said = figures([item.words for item in found.marked], drawn, verdicts)
    console.print(f"[bold]precision of marks[/] ({counted(len(found.marked), 'marked step')})")
    _print_shares(console, said.precision)
    console.print(
        f"[bold]prevalence among the unmarked[/] (drawn at random from "
        f"{counted(found.unmarked, 'unmarked step')} of agents)",
        soft_wrap=True,
    )
    _print_shares(console, said.prevalence)
    for (first, second), agreement in said.agreements.items():
        console.print(f"[bold]agreement of {shown(first)} and {shown(second)}[/]", soft_wrap=True)
        _print_agreement(console, agreement)
    console.print("[dim]In brackets: exact 95 % intervals; they take steps as independent.[/]")


def _print_shares(console: Console, shares: Mapping[str | None, Share]) -> None:
    for who, share in shares.items():
        name = "together (unsure where they differ)" if who is None else shown(who)
        n = share.confirmed + share.dismissed + share.unsure
        if not n:
            console.print(f"  {name}: none judged", soft_wrap=True)
            continue
        text = (
            f"{rated(share.value, 1)}; {share.confirmed:,} confirmed, {share.dismissed:,} dismissed"
        )
        if share.unsure:
            text += (
                f", {share.unsure:,} unsure: {rated(share.lowest, 1)} if they are harmless, "
                f"{rated(share.highest, 1)} if not"
            )
        console.print(f"  {name}: {text} ({n:,} judged)", soft_wrap=True, markup=True, emoji=False)
    if not shares:
        console.print("  no verdict yet")


def _print_agreement(console: Console, agreement: Agreement) -> None:
    if not agreement.n:
        console.print(f"  {agreement.raw.why}")
        return
    console.print(
        f"  {rated(agreement.raw, 1)} equal · Cohen's kappa {number(agreement.kappa)} · "
        f"Gwet's AC1 {number(agreement.ac1)} · n = {agreement.n:,} texts, "
        f"{agreement.blind:,} judged blind by both",
        soft_wrap=True,
    )
