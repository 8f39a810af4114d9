"""A checker of the part of JSON Schema that the node's own schemas use; anything else in a schema is an error."""
import re

KNOWN = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "oneOf", "pattern",
         "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "description"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}


def is_of(value, kind):
    # A boolean is an int in Python, and not in JSON.
    return isinstance(value, TYPES[kind]) and (kind != "integer" or not isinstance(value, bool))


def check(value, schema, path="$"):
    """The first thing that does not fit, as a sentence; none when all fits."""
    unknown = set(schema) - KNOWN
    if unknown:
        return f"{path}: the schema says {sorted(unknown)}, which this checker does not know"
    if "const" in schema and value != schema["const"]:
        return f"{path}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{path}: {value!r} is none of {schema['enum']}"
    if "type" in schema and not is_of(value, schema["type"]):
        return f"{path}: {value!r} is no {schema['type']}"
    if "oneOf" in schema:
        wrong = [check(value, one, path) for one in schema["oneOf"]]
        if wrong.count(None) != 1:
            return f"{path}: fits {wrong.count(None)} of {len(wrong)} alternatives: {wrong}"
    for part in (check_text, check_number, check_array, check_object):
        trouble = part(value, schema, path)
        if trouble:
            return trouble
    return None


def check_text(value, schema, path):
    if not isinstance(value, str):
        return None
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return f"{path}: {value!r} is not of the form {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return f"{path}: {len(value)} characters"
    return None


def check_number(value, schema, path):
    if not is_of(value, "integer"):
        return None
    if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        return f"{path}: {value} is out of range"
    return None


def check_array(value, schema, path):
    if not isinstance(value, list):
        return None
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"{path}: {len(value)} items"
    for i, item in enumerate(value):
        trouble = check(item, schema.get("items", {}), f"{path}[{i}]")
        if trouble:
            return trouble
    return None


def check_object(value, schema, path):
    if not isinstance(value, dict):
        return None
    properties = schema.get("properties", {})
    missing = [name for name in schema.get("required", []) if name not in value]
    if missing:
        return f"{path}: {missing} missing"
    extra = set(value) - set(properties)
    if schema.get("additionalProperties", True) is False and extra:
        return f"{path}: {sorted(extra)} not in the schema"
    for name, member in value.items():
        trouble = check(member, properties.get(name, {}), f"{path}.{name}")
        if trouble:
            return trouble
    return None
