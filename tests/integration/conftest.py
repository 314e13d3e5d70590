"""A small food bank whose figures are worked out by hand."""

from __future__ import annotations

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
