"""A source profile turns a food bank's way of writing into the columns of a record, as text."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from data_contracts.loader import ContractError, SourceProfile
from pipelines.ingest.containers import UnreadableError
from pipelines.ingest.mapping import MappedRows, Staged, map_rows
from pipelines.ingest.parsing import ParsedTable, parse_table
from pipelines.ingest.targets import Target, find_targets

COLUMNS = {
    "receipt_id": {"source": "Bon"},
    "line_no": {"source": "Ligne"},
    "quantity": {"source": "Poids"},
}


def make_profile(**file: Any) -> SourceProfile:
    described = {"name": "bons", "match": "*bons*.csv", "record": "receipts", "columns": COLUMNS}
    return SourceProfile.model_validate(
        {"food_bank_id": "petite", "version": "1", "files": [{**described, **file}]}
    )


def map_file(text: str, name: str = "bons.csv", **file: Any) -> MappedRows:
    target = find_targets(name, make_profile(**file))[0]
    assert target.profile is not None
    table = parse_table(text.encode(), header_rows=target.profile.header_rows)
    return map_rows(Staged.of(table), target, "petite")


def map_own(text: str, record: str = "receipts") -> MappedRows:
    table = Staged.of(parse_table(text.encode()))
    return map_rows(table, find_targets(f"{record}/x.csv", None)[0], "petite")


def values(mapped: MappedRows, name: str) -> list[str | None]:
    return mapped.frame[name].to_list()


def with_column(name: str, **source: Any) -> dict[str, Any]:
    return {**COLUMNS, name: source}


HEADER = "Bon,Ligne,Poids,Date,Type\n"


# which record a file holds


def test_a_file_in_the_folder_of_a_record_needs_no_profile() -> None:
    assert find_targets("receipts/mai.csv", None) == [Target(RECEIPTS, None)]


def test_a_profile_takes_files_by_their_name_and_others_go_by_their_folder() -> None:
    profile = make_profile()
    assert find_targets("export/bons-mai.csv", profile)[0].profile is profile.files[0]
    assert find_targets("orders/mai.csv", profile)[0].profile is None


@pytest.mark.parametrize("name", ["receipts", "receipts.csv", "autre/mai.csv", "../receipts/x.csv"])
def test_a_file_that_nobody_takes_is_refused(name: str) -> None:
    with pytest.raises(UnreadableError, match="no source profile of this food bank takes"):
        find_targets(name, make_profile())


def test_a_profile_of_an_unknown_record_is_refused() -> None:
    with pytest.raises(ContractError, match="no record is called 'boxes'"):
        find_targets("bons.csv", make_profile(record="boxes"))


def test_two_profiles_of_one_file_give_two_records_but_never_the_same() -> None:
    file = make_profile().files[0].model_dump()
    other = {**file, "name": "autres"}
    profile = SourceProfile.model_validate(
        {"food_bank_id": "petite", "version": "1", "files": [file, {**other, "record": "orders"}]}
    )
    found = [target.contract.name for target in find_targets("bons.csv", profile)]
    assert found == ["receipts", "orders"]
    twice = SourceProfile.model_validate(
        {"food_bank_id": "petite", "version": "1", "files": [file, other]}
    )
    sheets = {**other, "record": "orders", "sheet": "Bons"}
    apart = SourceProfile.model_validate(
        {"food_bank_id": "petite", "version": "1", "files": [file, sheets]}
    )
    with pytest.raises(ContractError, match="bons and autres of one file read it in different"):
        find_targets("bons.csv", apart)
    with pytest.raises(ContractError, match="two profiles of one file give rows of receipts"):
        find_targets("bons.csv", twice)


RECEIPTS = find_targets("receipts/x.csv", None)[0].contract


# a file in the record's own columns


def test_own_columns_are_known_in_any_case() -> None:
    mapped = map_own("Receipt_ID,LINE_NO,quantity\nR1,1,5\n")
    assert values(mapped, "receipt_id") == ["R1"]
    assert values(mapped, "food_bank_id") == ["petite"]
    assert (mapped.rows_filtered, mapped.frame["_source_line"].to_list()) == (0, [2])


def test_a_column_written_twice_in_two_cases_is_refused() -> None:
    with pytest.raises(UnreadableError, match="names receipt_id twice"):
        map_own("Receipt_ID,receipt_id,line_no\nR1,R2,1\n")


def test_missing_key_columns_are_named() -> None:
    with pytest.raises(UnreadableError, match="the key column receipt_id, line_no of receipts"):
        map_own("quantity,unit\n5,kg\n")


def test_rows_of_another_food_bank_refuse_the_delivery() -> None:
    with pytest.raises(UnreadableError, match="line 3 is of the food bank 'grande'"):
        map_own("food_bank_id,receipt_id,line_no\npetite,R1,1\ngrande,R2,1\n")


def test_a_shifted_or_empty_food_bank_is_a_matter_of_its_row() -> None:
    mapped = map_own("food_bank_id,receipt_id,line_no\npetite ,R1,1\n,R2,1\nR3,1\n")
    assert values(mapped, "receipt_id") == ["R1", "R2", "1"]
    assert mapped.frame["_read_error"].null_count() == 2


def test_the_name_of_a_person_in_the_place_of_the_food_bank_is_not_repeated() -> None:
    with pytest.raises(UnreadableError) as error:
        map_own("food_bank_id,receipt_id,line_no\nJeanne Durand,R1,1\n")
    assert "Durand" not in str(error.value)
    assert "line 2 is of another food bank" in str(error.value)


# a profile, feature by feature


def test_a_column_is_renamed_and_trimmed() -> None:
    mapped = map_file(HEADER + " R1 ,1,5,,\n")
    assert values(mapped, "receipt_id") == ["R1"]
    assert mapped.frame.columns == [
        "receipt_id", "line_no", "quantity", "food_bank_id",
        "_source_line", "_source_column", "_read_error", "_adjustment", "_corrects",
    ]  # fmt: skip


def test_a_constant_stands_on_every_row() -> None:
    mapped = map_file(HEADER + "R1,1,5,,\nR1,2,5,,\n", columns=with_column("unit", constant="kg"))
    assert values(mapped, "unit") == ["kg", "kg"]


def test_a_template_joins_columns() -> None:
    columns = with_column("receipt_id", template="{Date}/{Bon}#")
    assert values(map_file(HEADER + "R1,1,5, 7 mai ,\n", columns=columns), "receipt_id") == [
        "7 mai/R1#"
    ]


def test_values_become_codes_and_the_others_stay_or_become_otherwise() -> None:
    rows = HEADER + "R1,1,5,,Don\nR1,2,5,,Achat\nR1,3,5,,\nR1,4,5,, Don \n"
    codes = {"Don": "other_gift"}
    kept = map_file(rows, columns=with_column("channel", source="Type", values=codes))
    assert values(kept, "channel") == ["other_gift", "Achat", "", "other_gift"]
    columns = with_column("channel", source="Type", values=codes, otherwise="unmapped")
    assert values(map_file(rows, columns=columns), "channel") == [
        "other_gift", "unmapped", "", "other_gift",
    ]  # fmt: skip


def test_a_date_is_read_in_its_declared_format_only() -> None:
    rows = HEADER + "R1,1,5,01/02/2024,\nR1,2,5,31/02/2024,\nR1,3,5,01/02/24,\nR1,4,5,,\n"
    columns = with_column("received_at", source="Date", date_format="%d/%m/%Y")
    assert values(map_file(rows, columns=columns), "received_at") == [
        "2024-02-01T00:00:00", "31/02/2024", "01/02/24", "",
    ]  # fmt: skip


def test_a_date_without_time_stays_a_date_in_a_date_column() -> None:
    columns = with_column("expires_on", source="Date", date_format="%d/%m/%y")
    assert values(map_file(HEADER + "R1,1,5,01/02/24,\n", columns=columns), "expires_on") == [
        "2024-02-01"
    ]


def test_a_format_with_an_offset_gives_the_moment_in_utc() -> None:
    columns = with_column("received_at", source="Date", date_format="%d/%m/%Y %H:%M %z")
    rows = HEADER + "R1,1,5,25/06/2024 00:30 +0200,\n"
    assert values(map_file(rows, columns=columns), "received_at") == ["2024-06-24T22:30:00Z"]


def test_further_header_rows_are_no_rows_and_lines_stay_those_of_the_file() -> None:
    mapped = map_file(HEADER + "Which?,Line?,How much?,,\nR1,1,5,,\n", header_rows=2)
    assert (values(mapped, "receipt_id"), values(mapped, "_source_line")) == (["R1"], [3])


def test_rows_are_kept_by_value_and_the_others_are_counted() -> None:
    rows = HEADER + "R1,1,5,,Don\nR2,1,5,,Essai\nR3,1,5,, Don \n"
    mapped = map_file(rows, keep_rows={"Type": ["Don"]})
    assert (values(mapped, "receipt_id"), mapped.rows_filtered) == (["R1", "R3"], 1)
    with pytest.raises(UnreadableError, match="'Statut', which says which rows count"):
        map_file(rows, keep_rows={"Statut": ["Don"]})


def test_lines_of_totals_are_dropped_by_value_and_counted() -> None:
    rows = HEADER + "R1,1,5,,Don\nTOTAL,,5,,\nR2,1,5,,Don\n Total ,,10,,\n"
    mapped = map_file(rows, drop_rows={"Bon": ["TOTAL", "Total"]})
    assert (values(mapped, "receipt_id"), mapped.rows_filtered) == (["R1", "R2"], 2)
    # The column that says so may be no column of the record.
    mapped = map_file(rows, drop_rows={"Type": ["", "Essai"]})
    assert (values(mapped, "receipt_id"), mapped.rows_filtered) == (["R1", "R2"], 2)
    with pytest.raises(UnreadableError, match="'Statut', which says which rows count"):
        map_file(rows, drop_rows={"Statut": ["TOTAL"]})


def test_a_source_column_that_is_missing_refuses_the_file() -> None:
    with pytest.raises(UnreadableError, match="'Poids', from which quantity is read, is missing"):
        map_file("Bon,Ligne\nR1,1\n")
    with pytest.raises(UnreadableError, match="'Site', from which receipt_id is read"):
        columns = with_column("receipt_id", template="{Site}-{Bon}")
        map_file(HEADER + "R1,1,5,,\n", columns=columns)


WIDE = {
    "unpivot": {"columns": r"^(?P<quai>\d+) (?P<famille>\w+)$", "value": "kilos", "position": "n"},
    "columns": {
        "receipt_id": {"source": "Bon"},
        "line_no": {"source": "n"},
        "supplier_id": {"template": "quai-{quai}"},
        "product_code": {"source": "famille"},
        "quantity": {"source": "kilos"},
    },
}


def test_wide_columns_become_rows_with_their_parts_and_positions() -> None:
    mapped = map_file("Bon,1 pain,1 lait,Note,2 pain\nR1,5, ,x,7\nR2,,3,y,\n", **WIDE)
    rows = mapped.frame.sort("_source_line", "line_no").select(
        "receipt_id", "line_no", "supplier_id", "product_code", "quantity",
        "_source_line", "_source_column",
    ).rows()  # fmt: skip
    assert rows == [
        ("R1", "1", "quai-1", "pain", "5", 2, "1 pain"),
        ("R1", "3", "quai-2", "pain", "7", 2, "2 pain"),
        ("R2", "2", "quai-1", "lait", "3", 3, "1 lait"),
    ]


def test_a_wide_file_without_its_columns_is_refused() -> None:
    with pytest.raises(UnreadableError, match="no column has a name like"):
        map_file("Bon,Note\nR1,x\n", **WIDE)


def test_a_wide_line_that_does_not_fit_its_header_is_not_lost() -> None:
    mapped = map_file("Bon,1 pain,1 lait\nR1\nR2,1,2\n", **WIDE)
    broken = mapped.frame.filter(pl.col("_read_error").is_not_null())
    assert broken.select("receipt_id", "_source_line").rows() == [("R1", 2)]
    assert mapped.frame.height == 3


# numbers (every way of writing: test_numbers.py)


def quantities(numbers: list[str], **file: Any) -> list[str | None]:
    rows = "".join(f"R{n};1;{number};;\n" for n, number in enumerate(numbers))
    return values(map_file(HEADER.replace(",", ";") + rows, **file), "quantity")


def test_numbers_are_read_as_the_whole_file_shows_or_the_profile_says() -> None:
    assert quantities(["12,5", "0,250", "7", "x"]) == ["12.5", "0.250", "7", "x"]
    assert quantities(["1,234", "7"], decimal=",") == ["1.234", "7"]
    assert quantities(["1 234,5", "1.234"]) == ["1234.5", "1234"]


def test_a_number_that_nothing_decides_is_held_back_as_it_was_written() -> None:
    rows = "R1;1;1,234;;\nR2;1;7;;\n"
    mapped = map_file(HEADER.replace(",", ";") + rows)
    assert values(mapped, "quantity") == ["1,234", "7"]
    assert values(mapped, "_read_error") == [
        "quantity can be read in two ways: 1.234 or 1234",
        None,
    ]


def test_commas_of_texts_are_no_decimals() -> None:
    mapped = map_own("receipt_id;line_no;quantity;refusal_reason\n1,5;1;2,5;3,5\n")
    assert (values(mapped, "receipt_id"), values(mapped, "quantity")) == (["1,5"], ["2.5"])
    assert values(mapped, "refusal_reason") == ["3,5"]


def test_mapping_leaves_the_table_that_it_was_given() -> None:
    table = parse_table((HEADER + "R1,1,5,,\n").encode())
    before = table.frame.clone()
    map_rows(Staged.of(table), find_targets("bons.csv", make_profile())[0], "petite")
    assert table.frame.equals(before)
    assert isinstance(table, ParsedTable)
