"""Names are settled once for all rows that tell the same; what cannot be a secret is not looked at twice."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.codes import Groups, encode, number, spell
from processors.normalise.names import encode_words
from processors.normalise.secrets import ID_CHARACTERS, SECRETS, is_secret, look_at

WORDS = st.lists(st.sampled_from(["a", "b", "", None, "ä"]), max_size=40)


@pytest.mark.parametrize("rule", SECRETS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_secret_escapes_the_quick_look(rule: str, data: st.DataObject):
    secret = data.draw(st.from_regex(rf"(?ai:{SECRETS[rule]})"))
    before, behind = data.draw(st.text(max_size=3)), data.draw(st.text(max_size=3))
    names = [None, before + secret + behind, "chatcmpl-4f1c", secret]

    hidden, long = look_at("response_id", pa.array(names, pa.string()))

    told = pl.DataFrame({"name": names}).with_row_index("row")
    assert hidden.tolist() == told.filter(is_secret(pl.col("name")))["row"].to_list()
    assert hidden.tolist() or long.tolist() or not all(map(str.isascii, names[1:]))


def test_texts_are_found_by_their_length_in_characters_and_by_their_lines():
    names = ["ä" * ID_CHARACTERS, "ä" * ID_CHARACTERS + "b", "two\nlines", "one line", "\u2028line"]

    hidden, long = look_at("response_id", pa.array(names))

    assert (hidden.tolist(), long.tolist()) == ([], [1, 2, 4])


@given(words=WORDS, groups=st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_encoded_words_say_what_the_words_say_whatever_was_guessed(words: list[str | None], groups: int):
    rows = pa.chunked_array([pa.array([at % groups for at in range(len(words))], pa.int64())])
    guess = number([encode(rows)], len(words))

    encoded = encode_words(pl.Series(words, dtype=pl.String), guess)

    assert encoded.to_pylist() == words


@given(columns=st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from([1, None, 5]), st.booleans()), max_size=30))
@settings(max_examples=100, deadline=None)
def test_rows_of_a_group_agree_in_all_columns_and_groups_stand_as_they_occur(columns: list[tuple[str, int, bool]]):
    texts, counts, flags = ([row[at] for row in columns] for at in range(3))
    letters = pa.array([ord(one) - ord("x") for one in texts], pa.int8())
    doubled = pa.DictionaryArray.from_arrays(letters, ["x", "y", "z"])
    plain = (pa.array(texts, pa.string()), pa.array(counts, pa.int64()), pa.array(flags, pa.bool_()))
    table = pa.table([doubled, *plain], names=list("abcd"))

    groups: Groups = number([encode(column) for column in table.columns], len(columns))

    first = {row: at for at, row in reversed(list(enumerate(columns)))}
    assert groups.first.tolist() == sorted(first.values())
    assert [columns[groups.first[group]] for group in groups.of_row] == columns
    assert spell(table).schema.field("a").type == pa.string()


def test_a_dictionary_may_hold_a_word_twice_and_words_that_no_row_has():
    column = pa.DictionaryArray.from_arrays(pa.array([0, 2, None, 3], pa.int32()), pa.array(["a", "b", "a", None]))

    codes, values = encode(pa.chunked_array([column]))

    assert (codes[0] == codes[1], codes[2] == codes[3], codes[0] != codes[2], values >= 2) == (True,) * 4
