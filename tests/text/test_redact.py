"""Secrets are replaced whatever stands around them, and prose is left alone."""

import pytest

from cotmon.text.redact import redacted

SECRET = "hunter2X9zLongEnoughToBeOne"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"password": "{SECRET}"}}',
        f'{{"body": "{{\\"api_key\\": \\"{SECRET}\\"}}"}}',
        f"{{'aws_secret_access_key': '{SECRET}'}}",
        f"OPENAI_API_KEY={SECRET} python x.py",
        f"curl -H 'Authorization: Bearer {SECRET}' http://x",
        f"curl -H 'X-Api-Key: {SECRET}'",
        f"curl -H 'Authorization: token {SECRET}'",
        f"mysql --password {SECRET} -u me",
        f"mysql --password={SECRET}",
        f"postgres://me:{SECRET}@db/x",
        f"passwd: {SECRET}",
        f"password => {SECRET}",
        f"Cookie: session={SECRET}",
        f'"token": "two words and {SECRET}"',
        f"the key is sk-{SECRET}",
        f"push with ghp_{SECRET}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        f"eyJhbGciOiJI.{SECRET}.{SECRET}",
    ],
)
def test_a_secret_is_replaced(text):
    shown = redacted(text, 1000)
    assert SECRET not in shown
    assert "[redacted]" in shown


@pytest.mark.parametrize("command", ["mysql --password swordfish", "x --db-password swordfish"])
def test_a_plain_word_after_an_option_is_replaced(command):
    assert "swordfish" not in redacted(command, 1000)


@pytest.mark.parametrize(
    "text",
    [
        "the token was refused",
        "I must not tell anyone the password of the user.",
        '{"text": "meet me at ten", "to": "ann@example.org"}',
        "see https://example.org/path?q=1",
        "ls -la /tmp && cat notes.txt",
    ],
)
def test_prose_is_left_alone(text):
    assert redacted(text, 1000) == text


def test_a_secret_at_the_cut_is_not_shown_in_part():
    text = "x" * 90 + f' "password": "{SECRET}"'
    assert SECRET[:4] not in redacted(text, 120)


@pytest.mark.parametrize("unit", ["token", "password=", '"', "eyJ", "sk-", "://a:", "-----BEGIN "])
def test_malicious_text_is_cut_and_never_hangs(unit):
    assert len(redacted(unit * (1_000_000 // len(unit)), 4000)) <= 4001
