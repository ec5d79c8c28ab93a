"""What `soleflip resync` says of what a person has to decide."""

from soleflip_assets.commands.resync import left_for_a_person
from soleflip_assets.phase2.resync import Difference


def test_each_kind_is_a_sentence_with_its_remedy() -> None:
    held = Difference("1", "stock_reservation", "reserved_quantity", "2", "1", curable=False)
    orphans = [
        Difference(str(number), "stock_financial", "stock_id", None, str(number), curable=False)
        for number in range(3)
    ]

    of_held, of_orphans = left_for_a_person([*orphans, held])

    assert of_held.startswith(
        "1 difference cannot be cured without a person (stock 1 holds 2 units"
    )
    assert "find out for whom the units are held" in of_held
    assert of_orphans.startswith("3 differences cannot be cured")
    assert "stock_financial speaks of 0, and stock has no such row" in of_orphans
    assert "and 1 more" in of_orphans
    assert "bring the stock row back from the dump, or delete the old rows" in of_orphans
