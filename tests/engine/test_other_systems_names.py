"""A record may call another by the name a third system gives it: looked up on the way in, written on the way out."""

from typing import Any

from tests.engine.conftest import Build
from tests.engine.test_parents import PARCEL, PARCELS
from tests.engine.town import CUSTOMERS, Town, connection, sync

BY_NUMBER_OF_ERP = PARCELS.replace("mapping: parcels", "mapping: crm_parcels").replace(
    "{ref: customer, by: key, path: customer_id}", "{ref: customer, by: number, system: erp, path: customer_no}"
)
CRM_PARCELS = BY_NUMBER_OF_ERP.replace("constants: {lines: none}", "constants: {lines: none, customer_id: none}")
NUMBERED = CUSTOMERS.replace("  number: number\n", "")  # each system gives its own numbers
MAPPINGS = {"mappings": (NUMBERED, PARCELS, CRM_PARCELS)}
IN = {"direction": "in"}


def order(town: Town, there: str, **more: Any) -> dict[str, Any]:
    return town.save(there, "orders", number="N1", lines=[{"what": "thing"}], **{"customer_id": "0", **more})


async def test_inward_the_other_systems_name_is_looked_up_and_its_record_fetched(build: Build) -> None:
    town, engine = await build(
        *PARCEL,
        connection("crm"),
        connection("erp"),
        sync("erp-customers", every="1h", **IN),
        sync("crm-parcels", "orders", "crm_parcels", **IN),
        **MAPPINGS,
    )
    await town.work(engine)
    town.save("erp", name="云帆", number="C9")
    order(town, "crm", customer_no="C9")
    await town.again(engine)
    (bell,) = await town.rows("SELECT connection, state, text FROM bell")
    assert tuple(bell) == ("erp", "done", "C9")
    assert (await town.entity(engine, "parcel")).fields["customer"] == (await town.entity(engine, "customer")).id
    order(town, "crm", customer_no="C10")
    await town.again(engine)
    (parked,) = await town.rows("SELECT * FROM inbox WHERE state = 'parked'")
    assert parked.error_class == "ReferenceMissing"
    assert parked.error == "it refers to customer C10, which does not exist there; create it there, then retry"


async def test_inward_nobody_reads_the_kind_from_the_other_system(build: Build) -> None:
    town, engine = await build(
        *PARCEL,
        connection("crm"),
        connection("erp"),
        sync("crm-customers", **IN),
        sync("crm-parcels", "orders", "crm_parcels", **IN),
        **MAPPINGS,
    )
    order(town, "crm", customer_no="C9")
    await town.again(engine)
    (parked,) = await town.rows("SELECT * FROM inbox WHERE state = 'parked'")
    assert "no sync reads customer from erp" in parked.error
    assert "customer:erp/number:C9" in parked.error


async def test_outward_the_delivery_waits_until_the_other_system_has_named_it(build: Build) -> None:
    town, engine = await build(
        *PARCEL,
        *[connection(name) for name in ("shop", "crm", "erp")],
        sync("shop-customers", **IN),
        sync("shop-parcels", "orders", "parcels", **IN),
        sync("erp-customers"),
        sync("crm-parcels", "orders", "crm_parcels", direction="out"),
        **MAPPINGS,
    )
    buyer = town.save("shop", name="云帆", number="S1")
    order(town, "shop", customer_id=buyer["id"])
    await town.again(engine)
    (customer,) = town.table("erp")
    waiting = await town.delivery(kind="parcel")
    assert waiting.state == "waiting" and waiting.waiting_for.startswith("link|erp|customer|")
    assert town.table("crm", "orders") == []
    town.save("erp", "customers", customer["id"], number="C9")
    await town.again(engine)
    assert (await town.delivery(kind="parcel")).state == "done"
    (written,) = town.table("crm", "orders")
    assert written["customer_no"] == "C9"


async def test_outward_a_customer_the_other_system_will_never_know_is_a_persons_turn(build: Build) -> None:
    town, engine = await build(
        *PARCEL,
        *[connection(name) for name in ("shop", "crm", "erp")],
        sync("shop-customers", **IN),
        sync("shop-parcels", "orders", "parcels", **IN),
        sync("erp-customers", **IN),
        sync("crm-parcels", "orders", "crm_parcels", direction="out"),
        **MAPPINGS,
    )
    order(town, "shop", customer_id=town.save("shop", name="云帆")["id"])
    await town.again(engine)
    parked = await town.delivery(kind="parcel")
    assert (parked.state, parked.error_class) == ("parked", "ReferenceMissing")
    assert parked.error.startswith("erp does not know customer ")
