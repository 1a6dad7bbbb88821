"""The story the demo plays: made-up people, companies, deals and payments, all from one seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from stdnum.cn import uscc

Writing = Literal["plain", "lower", "blanks", "full width"]
Shipping = Literal["nothing", "part", "rest", "whole"]

# Towns that are on no map, so that no name can be a real company's.
_TOWNS = ("星海市", "云泽市", "镜湖市", "松岚市", "望澜市", "鹿鸣市", "青屿市", "白榆市")
_WORDS = ("青禾", "远汀", "知微", "北辰", "映川", "若谷", "听松", "朝露")
_TRADES = ("自动化", "精密机械", "仪器仪表", "新材料", "智能装备", "流体控制")
_REPS = ("谷雨", "白露", "惊蛰", "霜降", "小满", "立夏")  # names of solar terms, of nobody
_PRODUCTS = (
    ("温度传感器", "PT100", "128.50"),
    ("压力变送器", "4-20mA", "860.00"),
    ("电磁流量计", "DN50", "3280.00"),
    ("控制柜", "PLC-16", "12600.00"),
    ("调节阀", "DN80", "4375.50"),
    ("显示仪表", "LED-4", "415.80"),
)
_DEAL_WORDS = ("年度采购", "一期改造", "备件补充", "新线配套", "扩产项目", "检修更换")
_USCC_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Rep:
    """A sales rep: in the CRM and, by mobile number, in DingTalk."""

    name: str
    number: str
    mobile: str


@dataclass(frozen=True, slots=True)
class Product:
    number: str
    name: str
    specification: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class Customer:
    """`typed`: the credit code as a rep typed it into the CRM; wrong for the one the ERP refuses."""

    name: str
    code: str
    typed: str
    phone: str
    rep: int

    @property
    def refused(self) -> bool:
        return self.typed != self.code


@dataclass(frozen=True, slots=True)
class Line:
    product: int
    quantity: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Deal:
    """`posted`: its workflow calls our webhook; else only polling finds it. `shipping`: what the warehouse does."""

    name: str
    customer: int
    lines: tuple[Line, ...]
    posted: bool
    shipping: tuple[Shipping, ...]
    invoiced: bool

    @property
    def total(self) -> Decimal:
        return sum((line.quantity * line.price for line in self.lines), Decimal(0))


@dataclass(frozen=True, slots=True)
class Movement:
    """A line of a statement. `deal`: whose number its text names (None: nobody's); `writing`: how."""

    amount: Decimal
    payer: str
    account: str
    words: str
    deal: int | None = None
    writing: Writing = "plain"


@dataclass(frozen=True, slots=True)
class Story:
    """`order`: in which order the deals are won; `statements`: what the bank books day by day; `money_first`: the
    first statement comes before the warehouse ships."""

    seed: int
    reps: tuple[Rep, ...]
    products: tuple[Product, ...]
    customers: tuple[Customer, ...]
    deals: tuple[Deal, ...]
    order: tuple[int, ...]
    statements: tuple[tuple[Movement, ...], ...]
    money_first: bool

    @property
    def refused(self) -> int:
        """The customer whom the ERP refuses at first."""
        return next(i for i, customer in enumerate(self.customers) if customer.refused)

    @property
    def payments(self) -> int:
        """How many payments name an order."""
        return sum(movement.deal is not None for day in self.statements for movement in day)


def make_story(seed: int) -> Story:
    """The same seed tells the same story."""
    rng = random.Random(seed)
    reps = _reps(rng)
    products = _products(rng)
    count = rng.randint(4, 6)
    customers = _customers(rng, count, len(reps))
    deals = _deals(rng, customers, products)
    return Story(
        seed=seed,
        reps=reps,
        products=products,
        customers=customers,
        deals=deals,
        order=tuple(rng.sample(range(len(deals)), len(deals))),
        statements=_statements(rng, customers, deals),
        money_first=rng.random() < 0.5,
    )


def _reps(rng: random.Random) -> tuple[Rep, ...]:
    names = rng.sample(_REPS, 2)
    first = rng.randint(100, 899)
    return tuple(Rep(name, f"E{i + 1:03}", f"1380000{first + i:04}") for i, name in enumerate(names))


def _products(rng: random.Random) -> tuple[Product, ...]:
    chosen = rng.sample(_PRODUCTS, 4)
    return tuple(Product(f"MAT{i + 1:03}", name, spec, Decimal(price)) for i, (name, spec, price) in enumerate(chosen))


def _customers(rng: random.Random, count: int, reps: int) -> tuple[Customer, ...]:
    towns, words = rng.sample(_TOWNS, count), rng.sample(_WORDS, count)
    refused = rng.randrange(count)
    made = []
    for i in range(count):
        code = _credit_code(rng)
        made.append(
            Customer(
                name=f"{towns[i]}{words[i]}{rng.choice(_TRADES)}有限公司",
                code=code,
                typed=_mistyped(rng, code) if i == refused else code,
                phone=f"0000-{rng.randint(10_000_000, 99_999_999)}",
                rep=rng.randrange(reps),
            )
        )
    return tuple(made)


def _credit_code(rng: random.Random) -> str:
    """A valid 统一社会信用代码 of a region that does not exist (990000)."""
    body = "91990000" + "".join(rng.choice(_USCC_CHARACTERS) for _ in range(9))
    return body + str(uscc.calc_check_digit(body))


def _mistyped(rng: random.Random, code: str) -> str:
    """Two neighbours exchanged or one character wrong: whatever the check digit notices."""
    while True:
        place = rng.randrange(8, 17)
        wrong = code[:place] + rng.choice(_USCC_CHARACTERS) + code[place + 1 :]
        if not uscc.is_valid(wrong):
            return wrong


def _deals(rng: random.Random, customers: Sequence[Customer], products: Sequence[Product]) -> tuple[Deal, ...]:
    """One deal per customer. The first two ship in different ways, the rest as it comes; one is never posted."""
    silent = rng.randrange(len(customers))
    ways: list[tuple[Shipping, ...]] = [("part", "rest"), ("whole",), ("part",), ("nothing",)]
    deals = []
    for i, word in enumerate(rng.sample(_DEAL_WORDS, len(customers))):
        shipping = ways[i] if i < len(ways) else rng.choice(ways)
        deals.append(
            Deal(
                name=f"{customers[i].name[3:5]}{word}",
                customer=i,
                lines=_lines(rng, products),
                posted=i != silent,
                shipping=shipping,
                invoiced=shipping != ("nothing",) and (i < 2 or rng.random() < 0.5),
            )
        )
    return tuple(deals)


def _lines(rng: random.Random, products: Sequence[Product]) -> tuple[Line, ...]:
    chosen = rng.sample(range(len(products)), rng.randint(1, 3))
    discount = Decimal(rng.choice(("1", "0.95", "0.9")))
    return tuple(
        Line(product, rng.randint(2, 20), (products[product].price * discount).quantize(CENT)) for product in chosen
    )


def _statements(
    rng: random.Random, customers: Sequence[Customer], deals: Sequence[Deal]
) -> tuple[tuple[Movement, ...], ...]:
    """Deal 0 is paid in two parts, deal 1 at once, deal 2 half; a fee, and one payment that names nothing."""
    accounts = [f"6200{rng.randint(10**11, 10**12 - 1)}" for _ in customers]

    def paid(deal: int, amount: Decimal, words: str, writing: Writing) -> Movement:
        customer = deals[deal].customer
        return Movement(amount, customers[customer].name, accounts[customer], words, deal, writing)

    part = (deals[0].total * Decimal(rng.randint(20, 70)) / 100).quantize(CENT)
    half = (deals[2].total / 2).quantize(CENT)
    odd: list[Writing] = ["lower", "blanks", "full width"]
    nobody = rng.randrange(len(customers))
    first = [
        paid(0, part, "预付款", "plain"),
        paid(1, deals[1].total, "货款", rng.choice(odd)),
        Movement(-Decimal(rng.randint(5, 50)), "", "", "手续费"),
        Movement(
            Decimal(rng.randint(1_000, 9_000)) + Decimal("0.37"), customers[nobody].name, accounts[nobody], "往来款"
        ),
    ]
    second = [paid(0, deals[0].total - part, "尾款", "plain"), paid(2, half, "进度款", rng.choice(odd))]
    rng.shuffle(first)
    rng.shuffle(second)
    return tuple(first), tuple(second)


def remittance(movement: Movement, number: str) -> str:
    """What the payer wrote, with the order's number as such people and banks write it."""
    if movement.deal is None:
        return movement.words
    return f"{movement.words} {_WRITTEN[movement.writing](number)}"


def _full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


_WRITTEN = {
    "plain": lambda number: number,
    "lower": str.lower,
    "blanks": lambda number: f"{number[:2]} {number[2:6]} {number[6:]}",
    "full width": _full_width,
}
