from __future__ import annotations

from typing import Any

import pytest

from sagong.api import cel
from sagong.api.cel.library.authz import AUTHORIZER, Authorizer, Question, Verdict


def evaluate(expression: str) -> Any:
    return cel.compile(expression, {}).evaluate({})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("quantity('1Gi').isGreaterThan(quantity('500Mi'))", True),
        ("quantity('1').compareTo(quantity('1000m'))", 0),
        ("quantity('1') == quantity('1000m')", True),
        ("quantity('50k').add(20).sub(quantity('20')).asInteger()", 50000),
        ("quantity('1.5').isInteger()", False),
        ("quantity('1500m').asApproximateFloat()", 1.5),
        ("sign(quantity('-1'))", -1),
        ("isQuantity('1.3Gi') && !isQuantity('1x')", True),
        ("type(quantity('1')) == kubernetes.Quantity", True),
        ("ip('10.0.0.1').family() + ip('::1').family()", 10),
        ("isIP('10.0.0.1') && !isIP('10.0.0') && !isIP('::ffff:1.2.3.4') && !isIP('fe80::1%eth0')", True),
        ("ip.isCanonical('::1') && !ip.isCanonical('::0001')", True),
        ("ip('127.0.0.1').isLoopback() && ip('0.0.0.0').isUnspecified() && ip('169.254.1.1').isLinkLocalUnicast()", True),
        ("ip('224.0.0.1').isLinkLocalMulticast() && ip('10.0.0.1').isGlobalUnicast() && !ip('224.0.0.1').isGlobalUnicast()", True),
        ("ip('1.1.1.1') == ip('1.1.1.1') && string(ip('1.1.1.1')) == '1.1.1.1'", True),
        ("cidr('10.0.0.0/8').containsIP('10.1.1.1') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", True),
        ("cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.1.0.0/16').containsCIDR(cidr('10.0.0.0/8'))", True),
        ("string(cidr('10.1.2.3/8').masked())", "10.0.0.0/8"),
        ("cidr('10.0.0.0/8').ip().family() + cidr('::/64').prefixLength()", 68),
        ("isCIDR('10.0.0.0/8') && !isCIDR('10.0.0.0/33') && !isCIDR('10.0.0.0/08')", True),
        ("semver('1.2.3').isLessThan(semver('1.2.4-rc.1'))", True),
        ("semver('1.0.0-alpha.2').compareTo(semver('1.0.0-alpha.10'))", -1),
        ("semver('1.0.0-rc.1').isLessThan(semver('1.0.0'))", True),
        ("semver('v01.2', true).minor()", 2),
        ("isSemver('1.2.3') && !isSemver('v1.2.3') && !isSemver('01.2.3') && isSemver('v1.2', true)", True),
        ("semver('1.2.3+b') == semver('1.2.3')", True),
        ("format.dns1123Label().validate('a-b').hasValue()", False),
        ("format.dns1123Label().validate('A_b').value().size()", 1),
        ("format.named('uuid').value().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()", False),
        ("format.named('nope').hasValue()", False),
        ("format.dns1123LabelPrefix().validate('a-').hasValue()", False),
        ("format.date().validate('2021-13-01').value()", ["invalid date"]),
        ("format.uri().validate('../a').hasValue()", True),
        ("url('https://User@Example.com:80/b%20c?d=e&d=f').getHost()", "Example.com:80"),
        ("url('https://a:80/b').getPort() + url('https://[::1]:80/').getHostname()", "80::1"),
        ("url('HTTP://a/b c').getEscapedPath() + url('HTTP://a').getScheme()", "/b%20chttp"),
        ("url('https://a/?d=e&d=f').getQuery()", {"d": ["e", "f"]}),
        ("isURL('/absolute') && isURL('https://a:8/') && !isURL('../rel') && !isURL('https://a:b/')", True),
        ("'a,b,c'.split(',')", ["a", "b", "c"]),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("'a,b,c'.split(',', 2)", ["a", "b,c"]),
        ("['a', 'b'].join('-') + ['c'].join()", "a-bc"),
        ("'tacocat'.substring(4) + 'tacocat'.substring(0, 4)", "cattaco"),
        ("'hello'.charAt(4) + 'hello'.charAt(5)", "o"),
        ("'hello mellow'.indexOf('ello', 2) + 'hello mellow'.lastIndexOf('ello') + 'x'.indexOf('y')", 13),
        ("'TacoCÆt'.lowerAscii() + 'tacocæt'.upperAscii()", "tacocÆtTACOCæT"),
        ("'hello hello'.replace('he', 'we', 1)", "wello hello"),
        ("'  a\\t'.trim()", "a"),
        ("strings.quote('a\\n\"')", '"a\\n\\""'),
        (
            "'%s-%d %.2f %x %X %o %b %e %%'.format([dyn('a'), 2, 1.5, 255, 255, 8, 5, 1.0])",
            "a-2 1.50 ff FF 10 101 1.000000\u202f\u00d7\u202f10\u2070\u2070 %",
        ),
        ("'%s %s'.format([dyn([1, 2]), {'a': true}])", '[1, 2] {"a":true}'),
        ("'%s'.format([[dyn('a'), 1.5, b'b', duration('1h')]])", '["a", 1.500000, b"b", duration("3600s")]'),
        ("'%.1f %e'.format([12345.67, -0.00012])", "12,345.7 -1.200000\u202f\u00d7\u202f10\u207b\u2070\u2074"),
        ("'abc 123'.find('[0-9]+')", "123"),
        ("'123 abc 456'.findAll('[0-9]*', 1) + 'a1b2'.findAll('[0-9]')", ["123", "1", "2"]),
        ("jsonpatch.escapeKey('a/b~c')", "a~1b~0c"),
        ("[1, 3].sum() + [2, 1].min() + [2, 5].max()", 10),
        ("[1.5, 2.5].sum()", 4.0),
        ("[dyn(duration('1s')), dyn(duration('2s'))].sum() == duration('3s')", True),
        ("[1, 2].isSorted() && !['b', 'a'].isSorted()", True),
        ("[1, 2, 1].indexOf(1) + [1, 2, 1].lastIndexOf(1)", 2),
        ("[3, 1, 2].sort()", [1, 2, 3]),
        ("[3, 1, 2].sortBy(n, -n)", [3, 2, 1]),
        ("lists.range(3)", [0, 1, 2]),
        ("[[1], [2, 3]].flatten()", [1, 2, 3]),
        ("[1, 2, 3].slice(1, 3).reverse()", [3, 2]),
        ("[1, 1, 2].distinct()", [1, 2]),
        ("sets.contains([1, 2], [1]) && sets.equivalent([1, 2], [2, 1, 1]) && sets.intersects([1], [1, 5])", True),
    ],
)
def test_libraries(expression: str, value: Any) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("quantity('1ee')", "unable to parse quantity's suffix"),
        ("quantity('1.5').asInteger()", "cannot convert value to integer"),
        ("ip('10.0.0')", 'IP Address "10.0.0" parse error during conversion from string: ParseAddr("10.0.0"): unable to parse IP'),
        ("[1].slice(0, 2)", "cannot slice(0, 2), list is length 1"),
        ("[1].filter(i, i > 1).max()", "max called on empty list"),
        ("'abc'.substring(2, 1)", "invalid substring range. start: 2, end: 1"),
        ("'abc'.find('(' + 'a')", "Illegal regex: error parsing regexp: missing closing ): `(a`"),
        ("url('a b')", 'URL parse error during conversion from string: parse "a b": invalid URI for request'),
        ("'%d'.format([dyn('a')])", "error during formatting: decimal clause can only be used on integers, was given string"),
        ("('%s %s' + '').format(['a'])", "index 1 out of range"),
    ],
)
def test_library_errors(expression: str, message: str) -> None:
    with pytest.raises(cel.EvaluationError) as raised:
        evaluate(expression)
    assert str(raised.value) == message


def test_the_authorizer_is_asked_what_the_expression_builds() -> None:
    asked: list[Question] = []

    def decide(question: Question) -> Verdict:
        asked.append(question)
        return Verdict(allowed=question.verb == "get", reason="because")

    checks = (
        "authorizer.group('apps').resource('deployments').subresource('status').namespace('n').name('a').check('get').allowed()"
        " && !authorizer.path('/healthz').check('post').allowed()"
        " && authorizer.serviceAccount('ns', 'sa').group('').resource('pods').labelSelector('a=b').check('get').reason() == 'because'"
    )
    program = cel.compile(checks, {"authorizer": AUTHORIZER})
    assert program.evaluate({"authorizer": Authorizer(decide)}, limit=10_000_000) is True
    assert asked == [
        Question("get", group="apps", resource="deployments", subresource="status", namespace="n", name="a"),
        Question("post", path="/healthz"),
        Question("get", resource="pods", label_selector="a=b", service_account=("ns", "sa")),
    ]
    with pytest.raises(cel.CostExceeded):
        program.evaluate({"authorizer": Authorizer(decide)})
