"""Output of PHP's serialize() is read as data, or not at all."""

import pytest

from posts.importing.readers.php_serialized import NotReadable, looks_serialized, read_serialized


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("N;", None), ("b:1;", True), ("b:0;", False), ("i:-5;", -5), ("d:7.0999999999999996;", 7.1), ('s:0:"";', ""),
        ('s:3:"äb";', "äb"), ('s:4:"a";b";', 'a";b'), ("a:0:{}", []), ('a:2:{i:0;s:1:"x";i:1;i:2;}', ["x", 2]),
        ('a:2:{i:1;s:1:"x";i:0;i:2;}', {"1": "x", "0": 2}),
        ('a:1:{s:5:"sizes";a:1:{s:5:"large";a:1:{s:5:"width";i:1024;}}}', {"sizes": {"large": {"width": 1024}}}),
    ],
)  # fmt: skip
def test_values_of_php_are_read_as_data(text, value):
    assert looks_serialized(text)
    assert read_serialized(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('O:8:"stdClass":1:{s:1:"a";i:1;}', "an object"), ('a:1:{i:0;O:8:"stdClass":0:{}}', "an object"),
        ('C:1:"x":2:{ab}', "an object"), ('E:3:"A:B";', "an enumeration"), ('a:2:{i:0;i:1;i:1;R:2;}', "a reference"),
        ('a:1:{i:0;r:1;}', "a reference"), ('s:20:"http://new.example";', "are wrong"), ('s:2:"äb";', "are wrong"),
        ('a:2:{i:0;i:1;}', "are wrong"), ("a:9999999999:{}", "are wrong"), ("d:INF;", "not finite"),
        ("d:1.2.3;", "invalid number"), ("i:99999999999999999999;", "64 bits"), ('a:1:{a:0:{}i:1;}', "a key"),
        ("a:1:{i:0;" * 1000 + "N;" + "}" * 1000, "levels deep"), ("a:0:{}i:2;", "after its end"),
    ],
)  # fmt: skip
def test_what_is_no_plain_data_is_not_read_and_the_reason_is_said(text, reason):
    assert looks_serialized(text)
    with pytest.raises(NotReadable, match=reason):
        read_serialized(text)


@pytest.mark.parametrize("text", ["", "a", "a: b; c", "i:5", "It: yes;", "b:2;", "s:x:y;", "N", '{"a": 1}', "d:e f"])
def test_words_of_people_are_not_taken_for_phps(text):
    assert not looks_serialized(text)
