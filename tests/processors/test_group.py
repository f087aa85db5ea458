"""A consumer group is never ahead of its lake."""

from processors.group import ahead

STREAM, OTHER = ("otlp_spans", 0), ("otlp_spans", 1)


def test_a_group_that_stands_where_the_lake_does_or_behind_it_stays():
    assert ahead({STREAM: 10, OTHER: 3}, {STREAM: 10, OTHER: 10}, {STREAM: 0, OTHER: 0}) == {}


def test_a_group_that_is_ahead_goes_back_to_what_the_lake_expects():
    assert ahead({STREAM: 10, OTHER: 3}, {STREAM: 4, OTHER: 3}, {STREAM: 0, OTHER: 0}) == {STREAM: 4}


def test_a_lake_that_has_nothing_of_a_stream_expects_its_earliest_offset():
    assert ahead({STREAM: 10}, {STREAM: None}, {STREAM: 7}) == {STREAM: 7}


def test_a_group_without_commits_has_nothing_to_set_back():
    assert ahead({}, {STREAM: 4}, {STREAM: 0}) == {}
