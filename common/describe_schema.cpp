#include "common/describe_schema.hpp"

namespace millrace::json_detail {

boost::json::object integer_schema(std::uint64_t max) {
    return {{"type", "integer"}, {"minimum", 0}, {"maximum", max}};
}

boost::json::object signed_schema(std::int64_t min, std::int64_t max) {
    return {{"type", "integer"}, {"minimum", min}, {"maximum", max}};
}

boost::json::object hex_schema(std::size_t size_min, std::size_t size_max) {
    return {{"type", "string"},
            {"pattern", "^([0-9a-f]{2})*$"},
            {"minLength", 2 * size_min},
            {"maxLength", 2 * size_max}};
}

boost::json::object text_schema(std::size_t size_max) {
    return {{"type", "string"}, {"maxLength", size_max}};
}

boost::json::object money_schema(const char* unit) {
    return {{"type", "string"}, {"pattern", "^[0-9]+$"}, {"description", unit}};
}

boost::json::object nullable_schema(boost::json::object inner) {
    return {{"oneOf", boost::json::array{std::move(inner), boost::json::object{{"type", "null"}}}}};
}

boost::json::object plain_schema(const char* type) {
    return {{"type", type}};
}

boost::json::object described_text_schema(const char* description) {
    return {{"type", "string"}, {"description", description}};
}

boost::json::object enum_schema(std::span<const char* const> names) {
    boost::json::array list;
    for (const char* name : names) list.emplace_back(name);
    return {{"type", "string"}, {"enum", std::move(list)}};
}

boost::json::object array_schema(boost::json::object items) {
    return {{"type", "array"}, {"items", std::move(items)}};
}

boost::json::object object_schema(std::span<const PartSchema> members) {
    boost::json::object properties;
    boost::json::array required;
    for (const PartSchema& member : members) {
        properties[member.name] = member.schema();
        if (!member.is_optional) required.emplace_back(member.name);
    }
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}};
}

boost::json::object variant_schema(std::span<const PartSchema> alternatives) {
    boost::json::array list;
    for (const PartSchema& alternative : alternatives) {
        boost::json::object one = alternative.schema();
        boost::json::object properties{{"type", boost::json::object{{"const", alternative.name}}}};
        for (const auto& [key, member] : one["properties"].as_object()) properties[key] = member;
        one["properties"] = std::move(properties);
        boost::json::array required{"type"};
        for (const auto& name : one["required"].as_array()) required.push_back(name);
        one["required"] = std::move(required);
        list.emplace_back(std::move(one));
    }
    return {{"oneOf", std::move(list)}};
}

}  // namespace millrace::json_detail
