"""How far patching by gradient agrees with restoring in earnest."""

from __future__ import annotations

from collections.abc import Sequence

from ...mechanisms import patch_agreement
from ...mechanisms.patch_agreement import Agreement, agreement_in_words
from ...mechanisms.patch_agreement import patch_agreement as compare
from ...mechanisms.patch_effects import patch_effects
from ..base import Renderer
from ..case import Case
from ..code import Code, Writer
from ..figure import Figure
from ._shared import NATS, docs, sentences, took

MOST = 12


class PatchAgreement(Renderer):
    """Estimates beside what restoring gave, and where they differ most."""

    key = "patch_agreement"
    name = "Attribution patching beside restoring"

    def figures(self, case: Case) -> Sequence[Figure]:
        agreement: Agreement = case.result
        caption = sentences(f"Of {case.target_words}, in nats.", agreement_in_words(agreement), took(case.seconds))
        rows = agreement.rows()
        return [
            Figure(
                title="Estimated and restored",
                caption=caption,
                numbers={"estimated": agreement.estimated, "restored": agreement.restored},
                rows=rows,
                shown=sorted(rows, key=lambda row: -abs(float(str(row["estimated"])) - float(str(row["restored"]))))[
                    :MOST
                ],
                methods=docs(patch_agreement),
            )
        ]

    def code(self, case: Case, write: Writer) -> Code:
        agreement: Agreement = case.result
        target = write.literal(agreement.target)
        effects = write.call(patch_effects, "model", "answer", target, "corruption", repr(agreement.steps))
        again = write.call(compare, "model", "answer", "effects", repr(agreement.most))
        return Code(
            (
                f"corruption = {write.literal(agreement.corruption)}",
                f"effects = {effects}",
                f"result = {again}",
            ),
            rounding=NATS,
        )
