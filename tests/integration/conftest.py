"""A small food bank whose figures are worked out by hand, and mornings of good and bad files."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.conftest import BuildOnce, DataFolder

FILES = {
    "food_banks": """\
food_bank_id,name,timezone,territory_codes,meal_convention
petite,Petite banque,Europe/Paris,242100410,ffba
""",
    "sites": """\
site_id,name,kind,insee_code,latitude,longitude
S1,Dijon,warehouse,21231,47.32,5.04
""",
    "partners": """\
partner_id,name,kind,insee_code,stores_chilled,stores_frozen,uses_platform,active_from
P1,Épicerie,social_grocery,21231,true,false,true,2023-01-01
P2,Association,independent_charity,21171,false,false,false,2023-01-01
""",
    "suppliers": """\
supplier_id,name,kind,insee_code,status
D1,Magasin,retail,21231,active
D2,Ferme,farm,21171,active
""",
    "products": """\
product_code,label,network_family,storage,is_food,case_weight_kg
POM,Pommes,fruit_vegetables_fresh,ambient,true,10
RIZ,Riz,potatoes_starches,ambient,true,5
SAV,Savon,hygiene,ambient,false,4
""",
    "receipts": """\
receipt_id,line_no,received_at,site_id,supplier_id,channel,product_code,quantity,unit,refused_at_dock_kg
R1,1,2024-05-06T09:00:00,S1,D1,retail_pickup,POM,100,kg,10
R1,2,2024-05-06T09:00:00,S1,D1,retail_pickup,RIZ,4,case,
R2,1,2024-05-07T09:00:00,S1,D2,farm,POM,0.050,t,
R3,1,2024-06-04T09:00:00,S1,D1,retail_pickup,SAV,3,case,
""",
    "deliveries": """\
delivery_id,line_no,delivered_at,site_id,partner_id,mode,product_code,weight_kg,refused_kg
L1,1,2024-05-08T10:00:00,S1,P1,collected_by_partner,POM,60,5
L1,2,2024-05-08T10:00:00,S1,P1,collected_by_partner,RIZ,10,
L2,1,2024-06-04T10:00:00,S1,P2,delivered,POM,40,
""",
}


@pytest.fixture(scope="session")
def small_world() -> Callable[[DataFolder], None]:
    """Deliver the records of the small food bank `petite` into a landing folder.

    Received 90 + 20 + 50 = 160 kg of food (10 kg refused at the dock) and 12 kg of hygiene;
    distributed 60 - 5 + 10 + 40 = 105 kg, of which 95 kg are fresh.
    """

    def deliver(folder: DataFolder) -> None:
        for record, text in FILES.items():
            folder.deliver(f"petite/{record}/{record}.csv", text)

    return deliver


@pytest.fixture(scope="session")
def published_petite(
    build_once: BuildOnce, small_world: Callable[[DataFolder], None]
) -> DataFolder:
    """The small food bank, published; each test goes on with a copy of its own."""

    def fill(folder: DataFolder) -> None:
        small_world(folder)
        answer = folder.collecto("refresh", "--json")
        assert answer.status == 0, answer.err
        assert answer.json["rows"] == {
            "delivered": 16,
            "accepted": 16,
            "quarantined": 0,
            "replayed": 0,
        }

    return build_once("petite", fill)


RECEIPTS = "receipt_id,line_no,received_at,site_id,supplier_id,channel,product_code,quantity,unit"
REMOVALS = (
    "removal_id,line_no,removed_at,site_id,product_code,weight_kg,reason,destination\n"
    "E1,1,2024-06-04T10:00:00,S1,POM,2,sorting,composting\n"
)
CORRECTED = "R9,1,2024-06-04T08:00:00,S1,D1,retail_pickup,POM,{},kg,{}\n"


def deliver_a_mixed_morning(folder: DataFolder) -> None:
    """Three bad rows among ten, a picture, people, rows of others, a new food bank beside it."""
    good = [
        f"G{number},1,2024-06-04T08:00:00,S1,D1,retail_pickup,POM,1,kg\n" for number in range(7)
    ]
    bad = [
        "B1,1,2024-06-04T08:00:00,S1,D1,retail_pickup,POM,-2,kg\n",
        "B2,1,2024-06-31T08:00:00,S1,D1,cadeau,POM,2,kg\n",
        "B3,1,2024-06-04T08:00:00,S1,D1,retail_pickup,,2,carton\n",
    ]
    rows = [*good[:3], bad[0], *good[3:5], bad[1], *good[5:], bad[2]]
    folder.deliver("petite/receipts/juin.csv", RECEIPTS + "\n" + "".join(rows))
    folder.deliver(
        "petite/receipts/a.csv",
        RECEIPTS + ",updated_at\n" + CORRECTED.format("9..4", "2024-06-05T09:00:00"),
    )
    folder.deliver("petite/receipts/photo.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00")
    folder.deliver(
        "petite/deliveries/juin.csv",
        "delivery_id,line_no,delivered_at,site_id,partner_id,mode,product_code,weight_kg\n"
        "L9,1,2024-06-04T10:00:00,S1,P1,delivered,POM,5\n",
    )
    row = "C{0},1,2024-06-03T09:00:00,2024-06-04T09:00:00,S1,{1},3,1,RIZ,{2},Durand,0380112233\n"
    parcels = [row.format(1, "FOYER-SECRET-7", "2.5"), row.format(2, "FOYER-SECRET-8", "lourd")]
    parcels.append("C3,1,2024-06-03T09:00:00,Durand FOYER-SECRET-9,S1,3,1,RIZ,2\n")
    folder.deliver(
        "petite/parcels/colis.csv",
        "parcel_id,line_no,requested_at,handed_over_at,site_id,household_id,household_size,"
        "children,product_code,weight_kg,nom,telephone\n" + "".join(parcels),
    )
    folder.deliver(
        "petite/orders/orders.csv",
        "food_bank_id,order_id,line_no,ordered_at,wanted_on,site_id,partner_id,status,"
        "product_code,ordered_kg\n"
        "grande,O1,1,2024-06-04T09:00:00,2024-06-05,S1,P1,open,POM,5\n",
    )
    folder.deliver("petite/sorties/juin.csv", REMOVALS)
    for name in ("food_banks", "sites", "suppliers", "products", "receipts"):
        text = (folder.landing / f"petite/{name}/{name}.csv").read_text(encoding="utf-8")
        folder.deliver(f"autre/{name}/{name}.csv", text.replace("petite", "autre"))


@pytest.fixture(scope="session")
def morning(build_once: BuildOnce, published_petite: DataFolder) -> DataFolder:
    """The small food bank after a morning of good and bad files. Tests do not write into it."""

    def fill(folder: DataFolder) -> None:
        shutil.copytree(published_petite.path, folder.path, dirs_exist_ok=True)
        deliver_a_mixed_morning(folder)
        answer = folder.collecto("refresh", "--json")
        assert answer.status == 3, answer.err
        (folder.path / "answer.json").write_text(answer.out, encoding="utf-8")

    return build_once("morning", fill)


@pytest.fixture(scope="session")
def next_morning(build_once: BuildOnce, morning: DataFolder) -> DataFolder:
    """The same, once what was wrong came again. Tests do not write into it."""

    def fill(folder: DataFolder) -> None:
        shutil.copytree(morning.path, folder.path, dirs_exist_ok=True)
        folder.deliver(
            "petite/receipts/b.csv",
            RECEIPTS + ",updated_at\n" + CORRECTED.format("9.4", "2024-06-06T09:00:00"),
        )
        folder.deliver("petite/removals/juin.csv", REMOVALS)
        folder.deliver(
            "autre/receipts/correction.csv",
            RECEIPTS + ",updated_at,is_deleted\n"
            "R1,1,2024-06-03T09:00:00,S1,D1,retail_pickup,POM,30,kg,2024-06-11T08:00:00,\n"
            "R2,1,2024-05-07T09:00:00,S1,D2,farm,POM,50,kg,2024-06-11T08:00:00,true\n"
            "R1,2,2024-05-06T09:00:00,S1,D1,retail_pickup,RIZ,7,kg,,\n",
        )
        answer = folder.collecto("refresh")
        assert answer.status == 0, answer.err

    return build_once("next_morning", fill)
