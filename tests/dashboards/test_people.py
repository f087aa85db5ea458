"""Who may see what: the file of people, and what roles see and do."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.errors import BadPeople
from dashboards.people import BILLS, INCIDENTS, ROLES, Person, find_person, read_people
from dashboards.screens import PAGES
from dashboards.settings import DashboardSettings
from dashboards.signing_in import NotSignedIn, who_looks

FILE = """
[[people]]
user = "Ann@example.com"
role = "finance"

[[people]]
user = "*@acme.example"
role = "tenant-viewer"
tenants = ["acme", "acme-eu"]

[[people]]
user = "*@example.com"
role = "sre"
"""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.toml"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    ("user", "role", "tenants"),
    [
        ("ann@example.com", "finance", None),
        ("ANN@EXAMPLE.COM", "finance", None),
        ("bob@example.com", "sre", None),
        ("zoe@acme.example", "tenant-viewer", frozenset({"acme", "acme-eu"})),
    ],
)
def test_the_first_entry_that_names_somebody_holds(people: Path, user: str, role: str, tenants: frozenset[str] | None):
    assert find_person(read_people(people), user) == Person(name=user, role=role, tenants=tenants)


@pytest.mark.parametrize("user", ["", "ann@elsewhere.com", "ann@example.com.evil.example", "x@acme.example\n@"])
def test_who_is_named_by_nobody_is_nobody(people: Path, user: str):
    assert find_person(read_people(people), user) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must hold entries"),
        ("people = 3", "must hold entries"),
        ("[[people]]\nuser = 'a'\nrole = 'admin'\n[other]\n", "must hold entries"),
        ("[[people]]\nuser = 'a'\nrole = 'king'", "entry 1: role must be one of finance, sre, product, admin"),
        ("[[people]]\nrole = 'admin'", "entry 1: user must be a name"),
        ("[[people]]\nuser = 'a'\nrole = 'tenant-viewer'", "a tenant-viewer must have some"),
        ("[[people]]\nuser = 'a'\nrole = 'tenant-viewer'\ntenants = []", "tenants must be a list of names"),
        ("[[people]]\nuser = 'a'\nrole = 'sre'\ntenants = 'acme'", "tenants must be a list of names"),
        ("[[people]]\nuser = 'a'\nrole = 'sre'\ntenant = ['acme']", "entry 1: tenant is unknown; choose of role, "),
        ("[[people]", "people.toml: "),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, told: str):
    path = tmp_path / "people.toml"
    path.write_text(text)

    with pytest.raises(BadPeople) as caught:
        read_people(path)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(BadPeople, match="No such file"):
        read_people(tmp_path / "nobody.toml")


def test_roles_name_sections_that_there_are():
    assert {section for role in ROLES.values() for section in role.sections} == set(PAGES)


@pytest.mark.parametrize(
    ("role", "does"),
    [
        ("finance", {BILLS}),
        ("sre", {INCIDENTS}),
        ("product", set()),
        ("admin", {BILLS, INCIDENTS}),
        ("tenant-viewer", set()),
    ],
)
def test_what_roles_do(role: str, does: set[str]):
    someone = Person(name="a", role=role)

    assert {what for what in (BILLS, INCIDENTS) if someone.may(what)} == does
    assert not any(Person(name="a", role=role, tenants=frozenset({"acme"})).may(what) for what in (BILLS, INCIDENTS))


class Headers(dict[str, list[str]]):
    """As Streamlit gives them."""

    def get_all(self, key: str) -> list[str]:
        return self.get(key, [])


SECRET = "a secret of the proxy"
PROXY, USER = "X-SpanLedger-Proxy", "X-Forwarded-Email"


def test_nobody_signs_in_on_this_machine_alone():
    assert who_looks(DashboardSettings(), Headers()) is None


def test_the_proxy_says_who_it_is(people: Path):
    settings = DashboardSettings(people=str(people), proxy_secret=SECRET)

    person = who_looks(settings, Headers({PROXY: [SECRET], USER: ["bob@example.com"]}))

    assert person == Person(name="bob@example.com", role="sre")


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({}, "through a proxy"),
        ({USER: ["bob@example.com"]}, "through a proxy"),
        ({PROXY: [""], USER: ["bob@example.com"]}, "through a proxy"),
        ({PROXY: ["a wrong secret, long"], USER: ["bob@example.com"]}, "through a proxy"),
        ({PROXY: [SECRET]}, "has not said who you are"),
        ({PROXY: [SECRET], USER: [" "]}, "has not said who you are"),
        ({PROXY: [SECRET], USER: ["bob@example.com", "ann@example.com"]}, "came twice"),
        ({PROXY: ["x", SECRET], USER: ["bob@example.com"]}, "came twice"),
        ({PROXY: [SECRET], USER: ["eve@elsewhere.com"]}, "nobody has said what you may see"),
    ],
)
def test_who_does_not_come_through_the_proxy_sees_nothing(people: Path, headers: dict[str, list[str]], told: str):
    settings = DashboardSettings(people=str(people), proxy_secret=SECRET)

    with pytest.raises(NotSignedIn, match=told):
        who_looks(settings, Headers(headers))


def test_people_need_a_secret_of_the_proxy(people: Path):
    with pytest.raises(ValueError, match="set proxy_secret, 16 characters at least"):
        DashboardSettings(people=str(people), proxy_secret="short")
