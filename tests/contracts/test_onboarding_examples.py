"""Every example of the onboarding guide is a part of a profile that loads and checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data_contracts.loader import FileProfile, load_profile
from pipelines.quality.contract_check import check_profiles

GUIDE = Path(__file__).parents[2] / "docs" / "onboarding.md"
HEAD = "food_bank_id: exemple\nversion: 1.0.0\ntimezone: Europe/Paris\n"
FILE = '  - name: un\n    match: "*.csv"\n    record: receipts\n'
KEYS = "      receipt_id: {source: Bon}\n      line_no: {source: Ligne}\n"


def check_sources(folder: Path) -> dict[str, object]:
    [found] = check_profiles(folder)
    return found


def list_examples() -> list[str]:
    text = GUIDE.read_text(encoding="utf-8")
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


def complete(example: str) -> str:
    """An example as the whole profile that it stands for."""
    if example.startswith("reference:"):
        return HEAD + example
    if example.startswith("food_bank_id:"):
        return example.replace("{...}", f"\n{KEYS.rstrip()}")
    if example.startswith("  - name:"):
        body = example.replace("columns: [Date, Magasin]}\n", f"columns: [Date, Magasin]}}\n"
                               f"    columns:\n{KEYS}")  # fmt: skip
        return f"{HEAD}files:\n{body}"
    if example.startswith("      "):
        example = f"    columns:\n{example}"
    elif "    columns:\n" not in example:
        example += "    columns:\n      quantity: {source: Poids}\n"
    missing = "".join(
        f"{line}\n" for line in KEYS.splitlines() if line.split(":")[0] + ":" not in example
    )
    head = "    columns:\n"
    return f"{HEAD}files:\n{FILE}{example.replace(head, head + missing, 1)}"


@pytest.mark.parametrize("example", list_examples(), ids=lambda text: text.strip()[:30])
def test_an_example_of_the_guide_is_right(tmp_path: Path, example: str) -> None:
    (tmp_path / "produits.csv").write_text("code_local,code_reseau\nA,POM\n", encoding="utf-8")
    path = tmp_path / "exemple.yaml"
    path.write_text(complete(example), encoding="utf-8")
    load_profile(path)
    checked = check_sources(tmp_path)
    assert checked == {"check": "sources/exemple.yaml", "ok": True, "detail": ""}


def test_every_feature_of_a_file_profile_has_an_example() -> None:
    shown = " ".join(list_examples())
    missing = [name for name in FileProfile.model_fields if f"{name}:" not in shown]
    assert missing == []
    assert all(f"{name}:" in shown for name in ("extract", "template", "constant", "values_from",
                                                "otherwise", "date_format"))  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("receipts", "recus", "line 6: files.0.record: no record 'recus'"),
        ("{source: Bon}", "{source: Bon, sauce: x}", "line 8: files.0.columns.receipt_id.sauce"),
        ("      line_no: {source: Ligne}\n", "", "line 7: files.0.columns: the key line_no"),
        ("{source: Ligne}", "{source: Ligne, constant: 1}", "files.0.columns.line_no: give"),
        ("columns:", "replaces: all\n    columns:", "line 7: files.0.replaces"),
        ("    columns:", "    columns:\n      channel: {constant: don}",
         "line 8: files.0.columns.channel: 'don' is not one of the codes"),
        ("    columns:", "    columns:\n      couleur: {source: c}",
         "line 8: files.0.columns.couleur: receipts has no column 'couleur'"),
        ("    columns:", "    join: {lookup: x, by: {a: b}, columns: [c]}\n    columns:",
         "un: no file is the lookup 'x'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = f"{HEAD}files:\n{FILE}    columns:\n{KEYS}".replace(
        "timezone: Europe/Paris\n", ""
    ).replace(old, new, 1)
    path = tmp_path / "exemple.yaml"
    path.write_text(text, encoding="utf-8")
    checked = check_sources(tmp_path)
    assert not checked["ok"]
    assert checked["detail"].startswith("exemple.yaml, line ")
    assert said in checked["detail"]
