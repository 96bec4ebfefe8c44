from ssd_harness.tables import markdown_table, markdown_text, text_table


def test_columns_are_as_wide_as_what_they_hold():
    assert text_table([["a", 1], ["a longer name", "22.5"]], ["run", "pass@1"], right=[1]).splitlines() == [
        "run              pass@1",
        "-------------  --------",
        "a                     1",
        "a longer name      22.5",
    ]


def test_numbers_stay_as_they_are_written():
    assert text_table([["1.50", "007"], ["1e5", "+3"]]).splitlines() == ["1.50  007", "1e5   +3"]


def test_rows_may_be_short_and_tables_empty():
    assert text_table([["a", "b"], [""], ["c", "d"]]).splitlines() == ["a  b", "", "c  d"]
    assert text_table([]) == ""
    assert text_table([], ["x", "y"]).splitlines()[0] == "x    y"


def test_a_cell_cannot_move_the_cursor_or_add_a_line():
    text = text_table([["a\x1b[31m\r\nb", "c\u202e"]])
    assert text == "a\\x1b[31m b  c\\u202e"


def test_a_markdown_cell_cannot_end_itself():
    table = markdown_table(["run"], [["a | b\n| c"], [markdown_text("<b>|*x*")]])
    assert table.splitlines() == ["| run |", table.splitlines()[1], "| a \\| b \\| c |", "| \\<b\\>\\|\\*x\\* |"]
    assert set(table.splitlines()[1]) == {"|", "-"}
