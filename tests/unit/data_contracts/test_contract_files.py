"""Contracts, profiles and the register are read strictly: an error names the file and the place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data_contracts.loader import (
    CONTRACTS_DIR,
    MAX_YAML_BYTES,
    ContractError,
    FileProfile,
    Indicator,
    find_line_in,
    load_contract,
    load_marts,
    load_profile,
    load_profiles,
    load_records,
    load_register,
    read_yaml,
)

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: record-boxes
name: boxes
version: 1.0.0
status: active
schema:
  - name: boxes
    logicalType: object
    properties:
      - name: box_id
        logicalType: string
        physicalType: VARCHAR
        primaryKey: true
        required: true
"""
PROFILE = """\
food_bank_id: petite
version: 1.0.0
files:
  - name: boxes
    match: "*.csv"
    record: receipts
    columns:
      receipt_id: {source: Bon}
"""


def write(folder: Path, text: str | bytes, name: str = "boxes.odcs.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands twice"),
        ("a:\n  b: 1\n  b: 1\n", "line 3: the key 'b' stands twice"),
        ("a: &x 1\nb: *x\n", "line 2: aliases are refused"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "line 3: aliases are refused"),
        ("a: [1\nb: 2\n", "line 2"),
        ("[a, b]: 1\n", "line 1: a key is no text"),
        ("{a: 1}: 1\n", "line 1: a key is no text"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1"),
        ("a: \x07\n", "not plain YAML"),
        (b"a: caf\xe9\n", "not plain YAML in UTF-8"),
        ("a: 2024-13-45\n", "not plain YAML"),
        ("[" * 20_000, "not plain YAML"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_place(
    tmp_path: Path, text: str | bytes, place: str
) -> None:
    with pytest.raises(ContractError) as error:
        read_yaml(write(tmp_path, text))
    assert str(error.value).startswith("boxes.odcs.yaml")
    assert place in str(error.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"boxes.*larger than"):
        read_yaml(write(tmp_path, "#" * (MAX_YAML_BYTES + 1)))


def test_a_contract_of_one_table_is_read(tmp_path: Path) -> None:
    contract = load_contract(write(tmp_path, CONTRACT))
    assert (contract.name, contract.version, contract.keys) == ("boxes", "1.0.0", ("box_id",))
    assert contract.column("box_id").is_required
    assert not contract.is_personal


SERVICE_LEVELS = """\
slaProperties:
  - {property: availability, value: 9, unit: d}
  - {property: latency, value: 48, unit: h}
  - {property: latency, value: 3, unit: d}
  - {property: retention, value: 36, unit: m}
  - {property: throughput, value: 8, unit: m}
"""


def test_days_until_late_and_months_kept_are_read_by_name_and_unit(tmp_path: Path) -> None:
    contract = load_contract(write(tmp_path, CONTRACT + SERVICE_LEVELS))
    assert (contract.late_after_days, contract.retention_months) == (3, 36)
    contract = load_contract(write(tmp_path, CONTRACT))
    assert (contract.late_after_days, contract.retention_months) == (None, None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("v3.1.0", "v3.0.2", "an ODCS v3.1.0 contract of one table is expected"),
        ("v3.1.0", "v3.2.0", "an ODCS v3.1.0 contract of one table is expected"),
        ("schema:\n", "schema:\n  - name: crates\n", "contract of one table is expected"),
        ("schema:\n", "other:\n", "other: Extra inputs are not permitted"),
        (
            "      - name: box_id\n",
            "      - id: box_id\n",
            "schema.0.properties.0: name is missing",
        ),
        ("        required: true\n", "        required: [1]\n", "required"),
    ],
)
def test_a_contract_of_another_shape_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ContractError) as error:
        load_contract(write(tmp_path, CONTRACT.replace(old, new, 1)))
    assert str(error.value).startswith("boxes.odcs.yaml")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("record: receipts", "record: receipts\n    colour: red", "line 7: files.0.colour"),
        ("{source: Bon}", "{sauce: Bon}", "line 8: files.0.columns.receipt_id.sauce"),
        ("version: 1.0.0", "version: [1]", "line 2: version"),
        ("version: 1.0.0\nfiles:", "version: [1]\ntimezone: [2]\nfiles:", "line 2: version"),
        ("    record: receipts\n", "", "line 4: files.0: give one of record and lookup"),
        ("record: receipts", "record: receipts\n    header_rows: 0", "line 7: files.0.header_rows"),
        (
            "record: receipts",
            "record: receipts\n    unpivot: {columns: '('}",
            "line 7: files.0.unpivot.columns: '(' is no regular expression",
        ),
    ],
)
def test_a_profile_of_another_shape_is_refused(
    tmp_path: Path, old: str, new: str, place: str
) -> None:
    with pytest.raises(ContractError) as error:
        load_profile(write(tmp_path, PROFILE.replace(old, new, 1), "petite.yaml"))
    assert str(error.value).startswith(f"petite.yaml, {place}")


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [("header_rows", (1, 20), (0, 21)), ("skip_rows", (0, 100), (-1, 101))],
)
def test_lines_above_the_rows_have_their_limits(
    tmp_path: Path, name: str, accepted: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    def load(value: int) -> FileProfile:
        text = PROFILE.replace("record: receipts", f"record: receipts\n    {name}: {value}")
        return load_profile(write(tmp_path, text, "petite.yaml")).files[0]

    assert [getattr(load(value), name) for value in accepted] == list(accepted)
    for value in refused:
        with pytest.raises(ContractError, match=rf"^petite.yaml, line 7: files.0.{name}: "):
            load(value)


MAPPED = PROFILE.replace(
    "{source: Bon}", "{source: Bon, values_from: {file: m.csv, key: a, value: b}}"
)


@pytest.mark.parametrize("text", ["a,b\nx,y;z\n", "a;b\nx;y;z\n", "c;a;b\n1;x; y \n"])
def test_a_map_in_a_file_is_read_by_its_own_delimiter(tmp_path: Path, text: str) -> None:
    write(tmp_path, text, "m.csv")
    (file,) = load_profile(write(tmp_path, MAPPED, "petite.yaml")).files
    assert file.columns["receipt_id"].values == {"x": "y;z" if "," in text else "y"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a;b\nx;y\nx;z\n", "m.csv, line 3: 'x' has two values"),
        ("a;c\nx;y\n", "m.csv has no column 'b'"),
        ("", "m.csv has no column 'a'"),
        (b"a;b\n\xff;y\n", "m.csv is not UTF-8"),
        (None, "m.csv cannot be read"),
    ],
)
def test_a_map_that_cannot_be_used_says_where(
    tmp_path: Path, text: str | bytes | None, said: str
) -> None:
    if text is not None:
        write(tmp_path, text, "m.csv")
    with pytest.raises(ContractError) as error:
        load_profile(write(tmp_path, MAPPED, "petite.yaml"))
    assert str(error.value) == f"petite.yaml, line 8: {said}"


SECOND = """
  - name: {name}
    match: "b*.csv"
    {kind}
    columns:
      receipt_id: {{source: Bon}}
"""


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("boxes", "record: receipts", "two files are called 'boxes'"),
        ("list", "record: receipts\n    lookup: names", "give one of record and lookup"),
        ("list", "lookup: names\n    join: {lookup: names, by: {a: b}, columns: [c]}",
         "a lookup has columns and row filters only"),
        ("list", "record: receipts\n    join: {lookup: names, by: {a: b}, columns: [c]}",
         "list: no file is the lookup 'names'"),
    ],
)  # fmt: skip
def test_files_of_a_profile_fit_each_other(tmp_path: Path, name: str, kind: str, said: str) -> None:
    text = PROFILE + SECOND.format(name=name, kind=kind).lstrip("\n")
    with pytest.raises(ContractError) as error:
        load_profile(write(tmp_path, text, "petite.yaml"))
    assert str(error.value).endswith(f": {said}")


def test_a_line_is_that_of_the_nearest_place_above() -> None:
    places: list[tuple[list[Any], int]] = [
        ([], 1), (["version"], 2), (["files", 0, "record"], 6), (["files", 0, "columns"], 7),
        (["files", 0, "other"], 4), (["files", 3], 3), (["other", "record"], 1),
    ]  # fmt: skip
    for place, line in places:
        assert find_line_in(PROFILE, place) == line, place


def test_a_profile_bears_the_name_of_its_food_bank(tmp_path: Path) -> None:
    write(tmp_path, PROFILE, "grande.yaml")
    with pytest.raises(ContractError, match=r"grande.yaml: food_bank_id is 'petite'"):
        load_profiles(tmp_path)


def test_numbers_in_a_profile_are_read_as_text(tmp_path: Path) -> None:
    text = PROFILE.replace("{source: Bon}", "{constant: 7}")
    assert load_profile(write(tmp_path, text)).files[0].columns["receipt_id"].constant == "7"


def test_every_contract_of_the_project_is_read_and_ordered() -> None:
    records, marts = load_records(), load_marts()
    assert len(records) == len(list((CONTRACTS_DIR / "records").glob("*.yaml")))
    assert len(marts) == len(list((CONTRACTS_DIR / "marts").glob("*.yaml")))
    # Products say what a case weighs, food banks their time zone: both come before receipts.
    order = list(records)
    assert order.index("products") < order.index("receipts")
    assert order.index("food_banks") == 0


FORMER = {
    "method_version": "0.9",
    "valid_from": "2020-01-01",
    "replaced_fr": "Facteur de 2019 retiré.",
    "replaced_en": "The factor of 2019 was withdrawn.",
}


def test_the_methods_of_an_indicator_follow_each_other() -> None:
    entry = load_register()["tonnes_distributed"].model_dump()
    assert Indicator.model_validate(entry | {"history": [FORMER]}).history[0].valid_from
    for wrong in (
        [FORMER | {"valid_from": "2030-01-01"}],
        [FORMER | {"method_version": entry["method_version"]}],
        [FORMER, FORMER | {"method_version": "0.8"}],
        [FORMER | {"method_version": "0.8"}, FORMER | {"valid_from": "2019-01-01"}],
    ):
        with pytest.raises(ValidationError, match="each method of the history follows"):
            Indicator.model_validate(entry | {"history": wrong})
