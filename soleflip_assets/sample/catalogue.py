"""What the sample shop deals in: its products, sizes and suppliers.

Facts, kept apart from sample.py, which invents what happened to them. Ids are derived from the
natural key, so that a product is the same in every sample. Not here: anything drawn at random.
"""

from dataclasses import dataclass
from functools import cached_property
from uuid import NAMESPACE_URL, uuid5


def _id(kind: str, key: str) -> str:
    """As text: the sample writes it a million times."""
    return str(uuid5(NAMESPACE_URL, f"https://soleflip.example/{kind}/{key}"))


@dataclass(frozen=True)
class Product:
    """One colorway of one model.

    Attributes:
        brand: the maker.
        model: what is printed on the box.
        colorway: its official or its common name.
        style_code: the maker's number, unique.
        retail_price: with VAT, in whole EUR.
    """

    brand: str
    model: str
    colorway: str
    style_code: str
    retail_price: int

    @cached_property
    def id(self) -> str:
        """What stock.product_id holds."""
        return _id("product", self.style_code)


@dataclass(frozen=True)
class Size:
    """A European size and the American men's size printed beside it."""

    eu: float
    us: float

    @cached_property
    def id(self) -> str:
        """What stock.size_id holds."""
        return _id("size", str(self.eu))


@dataclass(frozen=True)
class Supplier:
    """Where a pair was bought; a person who sold one pair has no profile, hence no id."""

    name: str | None
    has_profile: bool = True

    @cached_property
    def id(self) -> str | None:
        """What stock.supplier_id holds."""
        return _id("supplier", str(self.name)) if self.has_profile else None


PRODUCTS = (
    Product("Jordan", "Air Jordan 1 Retro High OG", "Chicago Lost and Found", "DZ5485-612", 180),
    Product("Jordan", "Air Jordan 1 Retro High OG", "UNC Toe", "DZ5485-400", 180),
    Product("Jordan", "Air Jordan 1 Retro High OG", "Royal Reimagined", "DZ5485-042", 180),
    Product("Jordan", "Air Jordan 1 Retro High OG", "Black Toe Reimagined", "DZ5485-106", 180),
    Product("Jordan", "Air Jordan 1 Retro High OG", "Satin Bred", "FD4810-061", 180),
    Product("Jordan", "Air Jordan 1 Retro Low OG", "Black Toe", "CZ0790-106", 140),
    Product("Jordan", "Air Jordan 1 Low x Travis Scott", "Reverse Mocha", "DM7866-162", 150),
    Product("Jordan", "Air Jordan 1 Low x Travis Scott", "Black Phantom", "DM7866-001", 150),
    Product("Jordan", "Air Jordan 1 Low x Travis Scott", "Medium Olive", "DZ4137-106", 150),
    Product("Jordan", "Air Jordan 3 Retro", "White Cement Reimagined", "DN3707-100", 210),
    Product("Jordan", "Air Jordan 3 Retro", "Lucky Green", "CK9246-136", 210),
    Product("Jordan", "Air Jordan 4 Retro", "Bred Reimagined", "FV5029-006", 215),
    Product("Jordan", "Air Jordan 4 Retro", "Military Blue", "FV5029-141", 215),
    Product("Jordan", "Air Jordan 4 Retro", "Military Black", "DH6927-111", 210),
    Product("Jordan", "Air Jordan 4 Retro", "Thunder", "DH6927-017", 210),
    Product("Jordan", "Air Jordan 4 Retro", "Red Thunder", "CT8527-016", 200),
    Product("Jordan", "Air Jordan 4 Retro", "Black Cat", "CU1110-010", 190),
    Product("Jordan", "Air Jordan 4 SB", "Pine Green", "DR5415-103", 225),
    Product("Jordan", "Air Jordan 4 SB", "Navy", "DR5415-100", 225),
    Product("Jordan", "Air Jordan 6 Retro", "Toro Bravo", "CT8529-600", 200),
    Product("Jordan", "Air Jordan 11 Retro", "Cherry", "CT8012-116", 225),
    Product("Jordan", "Air Jordan 11 Retro", "Gratitude", "CT8012-170", 240),
    Product("Nike", "Dunk Low", "Panda", "DD1391-100", 120),
    Product("Nike", "Dunk Low", "Grey Fog", "DD1391-103", 120),
    Product("Nike", "Dunk Low", "University Blue", "DD1391-102", 120),
    Product("Nike", "SB Dunk Low x Jarritos", "Phantom", "FD0860-001", 125),
    Product("Nike", "SB Dunk Low x April Skateboards", "Turbo Green", "FD2562-400", 125),
    Product("Nike", "Air Force 1 '07", "Triple White", "CW2288-111", 120),
    Product("Nike", "Air Force 1 '07", "Triple Black", "CW2288-001", 120),
    Product("Nike", "Air Max 1 '86 OG", "Big Bubble Red", "DQ3989-100", 160),
    Product("Nike", "Air Max 1 x Patta", "Noise Aqua", "DH1348-004", 160),
    Product("Nike", "Air Max 90", "Infrared", "CT1685-100", 150),
    Product("Nike", "Air Max 95 OG", "Neon", "CT1689-001", 190),
    Product("Nike", "Air Max Plus", "Triple Black", "604133-050", 190),
    Product("Nike", "Kobe 6 Protro", "Grinch", "CW2190-300", 180),
    Product("Nike", "Kobe 6 Protro", "Reverse Grinch", "FV4921-600", 190),
    Product("adidas", "Yeezy Boost 350 V2", "Zebra", "CP9654", 230),
    Product("adidas", "Yeezy Boost 350 V2", "Bred", "CP9652", 230),
    Product("adidas", "Yeezy Boost 350 V2", "Beluga Reflective", "GW1229", 230),
    Product("adidas", "Yeezy Boost 350 V2", "Onyx", "HQ4540", 230),
    Product("adidas", "Yeezy Boost 350 V2", "Bone", "HQ6316", 230),
    Product("adidas", "Yeezy Boost 700", "Wave Runner", "B75571", 300),
    Product("adidas", "Yeezy Slide", "Onyx", "HQ6448", 70),
    Product("adidas", "Yeezy Foam RNNR", "Onyx", "HP8739", 90),
    Product("adidas", "Samba OG", "White Black Gum", "B75806", 120),
    Product("adidas", "Samba OG", "Black White Gum", "B75807", 120),
    Product("adidas", "Gazelle", "Core Black", "BB5476", 110),
    Product("adidas", "Campus 00s", "Core Black", "HQ8708", 110),
    Product("adidas", "Campus 00s", "Grey White", "HQ8707", 110),
    Product("adidas", "Handball Spezial", "Light Blue", "BD7632", 110),
    Product("New Balance", "550", "White Green", "BB550WT1", 140),
    Product("New Balance", "550", "White Grey", "BB550PB1", 140),
    Product("New Balance", "2002R", "Protection Pack Rain Cloud", "M2002RDA", 170),
    Product("New Balance", "2002R", "Protection Pack Phantom", "M2002RDB", 170),
    Product("New Balance", "9060", "Rain Cloud", "U9060GRY", 180),
    Product("New Balance", "9060", "Black Castlerock", "U9060BLK", 180),
    Product("New Balance", "990v6", "Grey", "M990GL6", 240),
    Product("New Balance", "530", "White Silver Navy", "MR530SG", 120),
    Product("ASICS", "Gel-Kayano 14", "Cream Black", "1201A019-108", 160),
    Product("ASICS", "Gel-1130", "Black Pure Silver", "1201A906-001", 110),
    Product("Salomon", "XT-6", "Black Phantom", "L41086600", 190),
    Product("Puma", "Speedcat OG", "Black White", "398846-01", 110),
)

SIZES = (
    Size(36, 4), Size(36.5, 4.5), Size(37.5, 5), Size(38, 5.5), Size(38.5, 6), Size(39, 6.5),
    Size(40, 7), Size(40.5, 7.5), Size(41, 8), Size(42, 8.5), Size(42.5, 9), Size(43, 9.5),
    Size(44, 10), Size(44.5, 10.5), Size(45, 11), Size(45.5, 11.5), Size(46, 12),
    Size(47, 12.5), Size(47.5, 13), Size(48, 13.5),
)  # fmt: skip

SUPPLIERS = (
    Supplier("43einhalb"),
    Supplier("adidas CONFIRMED"),
    Supplier("Asphaltgold"),
    Supplier("BSTN"),
    Supplier("END. Clothing"),
    Supplier("Foot Locker"),
    Supplier("Footshop"),
    Supplier("Nike SNKRS"),
    Supplier("Overkill"),
    Supplier("SNIPES"),
    Supplier("Solebox"),
    Supplier("Zalando"),
    Supplier("Private seller", has_profile=False),
    Supplier(None, has_profile=False),
)
