"""What a tenant's records look like: the vendor's own fields and the custom ones (…__c) our base mappings use."""

from collections.abc import Mapping

_SYSTEM: Mapping[str, str] = {
    "_id": "text",
    "owner": "list",
    "life_status": "enum",
    "create_time": "instant",
    "last_modified_time": "instant",
    "*__c": "text",  # a tenant's own fields
}

EMPLOYEES: Mapping[str, str] = {
    **_SYSTEM,
    "name": "text",
    "full_name": "text",
    "employee_number": "text",
    "phone": "text",
    "email": "text",
    "status": "enum",
    "user_id": "text",
    "job_title": "text",
}

PRODUCTS: Mapping[str, str] = {
    **_SYSTEM,
    "name": "text",
    "product_code": "text",
    "product_spec": "text",
    "unit": "enum",
    "price": "money",
    "product_status": "enum",
}

CUSTOMERS: Mapping[str, str] = {
    **_SYSTEM,
    "name": "text",
    "account_no": "text",
    "uscc__c": "text",
    "hub_ref__c": "text",
    "tel": "text",
    "email": "text",
    "address": "text",
    "remark": "text",
}

_LINES: Mapping[str, str] = {
    "_id": "text",
    "new_opportunity_id": "text",
    "product_id": "text",
    "quantity": "decimal",
    "unit": "enum",
    "sales_price": "money",
    "total_amount": "money",
    "remark": "text",
    "life_status": "enum",
    "last_modified_time": "instant",
    "*__c": "text",
}
LINE_NUMBERS = frozenset(name for name, kind in _LINES.items() if kind in {"decimal", "money"})

DEALS: Mapping[str, str] = {
    **_SYSTEM,
    "name": "text",
    "deal_no__c": "text",
    "account_id": "text",
    "amount": "money",
    "mc_currency": "enum",
    "close_date": "date",
    "sales_stage": "enum",
    "remark": "text",
    "hub_ref__c": "text",
    "erp_order_no__c": "text",
    "shipping_status__c": "enum",
    "invoicing_status__c": "enum",
    "payment_status__c": "enum",
    "paid_amount__c": "money",
    "paid_date__c": "date",
    **{f"lines[].{name}": kind for name, kind in _LINES.items()},
}
