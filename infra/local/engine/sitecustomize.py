"""Loaded by Python when it starts the local engine.

The engine's Lambda runtime API writes head and body of an answer separately. With Nagle's algorithm on, the
second write waits for the peer's delayed acknowledgement: 40 ms on every invocation.

The engine's DynamoDB reads an expression anew for each item that it looks at, which is most of what a query of ten
thousand items takes. What the same text means is kept instead: both functions go by their arguments alone. And a
partition key that has to equal a text is compared, not evaluated.
"""

import functools
import re
import socketserver

from ministack.services import dynamodb

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

EXPRESSIONS = 4096

_tokens_of = functools.lru_cache(EXPRESSIONS)(dynamodb._tokenize)
# Whoever asked may change the list.
dynamodb._tokenize = lambda expression: list(_tokens_of(expression))
dynamodb._condition_syntax_error = functools.lru_cache(EXPRESSIONS)(dynamodb._condition_syntax_error)

_evaluate_condition = dynamodb._evaluate_condition
_ONE_KEY = re.compile(r"(#\w+) = (:\w+)")


def _evaluated(expression, item, values, names, slot="ConditionExpression"):
    if slot == "KeyConditionExpression" and (one := _ONE_KEY.fullmatch(expression)):
        name, value = names.get(one[1]), values.get(one[2])
        if name and value and "S" in value:
            return item.get(name) == value
    return _evaluate_condition(expression, item, values, names, slot=slot)


dynamodb._evaluate_condition = _evaluated
