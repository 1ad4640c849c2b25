"""What `moored results` says beside its numbers."""

from moored.cli.inspect import print_results


def said(capsys, headline):
    print_results(
        {
            "study": "requests",
            "version": 1,
            "fits": [],
            "estimates": [],
            "headline": headline,
            "marks": ["gmm-small could not be fitted: it did not converge"] if headline == "human" else [],
            "override_reason": None,
        }
    )
    return capsys.readouterr().out


def test_the_headline_is_by_the_rule(capsys):
    assert "headline: gmm-small, by the rule on the numbers of labels" in said(capsys, "gmm-small")


def test_a_stand_in_is_not_by_the_rule(capsys):
    out = said(capsys, "human")
    assert "by the rule" not in out
    assert "headline: human, in the place of the estimator that the rule" in out
    assert "it could not be fitted" in out
