"""A small mapping of orders, as tests of drafts use it."""

ORDERS = """\
mapping: shop.orders
kind: order
key: id
names: {number: no}
where: type == 'SO'
fields:
  number: no
  customer: {ref: customer, by: number, path: cust}
  total: {path: amount, currency: cur}
  lines:
    each: rows
    key: row_id
    fields:
      quantity: qty
      product: {ref: product, by: number, path: item}
"""
