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

}  // namespace millrace::json_detail
