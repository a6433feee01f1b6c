"""The rule book as the panel reads it, and what rests on it."""

from hallpanel import load_rulebook
from hallpanel.rulebook.table import clause_ids, clauses, lines


def test_each_of_the_53_clauses_is_read_whole_in_both_languages():
    found = list(clauses())
    assert len(found) == len(clause_ids()) == 53
    for clause in found:
        assert set(clause) == {"id", "kind", "zh", "en"}, "a comma cut it: quote the text"
        assert clause["zh"].endswith("。")
        assert clause["en"].endswith((".", "?"))


def test_each_declaration_rests_on_a_clause_of_the_book():
    load_rulebook()
    assert {line.clause for line in lines()} <= clause_ids()
    assert ("2.1.2", "leave_request", "approve") in {
        (line.clause, line.table, line.verb) for line in lines()
    }
