#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <limits>
#include <string>

#include "common/json.hpp"
#include "common/units.hpp"

/// JSON Schema (draft 2020-12) of a described type, from the same description as its codec and its
/// JSON: what `rpc_discover` serves can therefore not drift from what the node sends.
namespace millrace {

namespace json_detail {
boost::json::object integer_schema(std::uint64_t max);
boost::json::object signed_schema(std::int64_t min, std::int64_t max);
boost::json::object hex_schema(std::size_t size_min, std::size_t size_max);
boost::json::object text_schema(std::size_t size_max);
boost::json::object money_schema(const char* unit);
boost::json::object nullable_schema(boost::json::object inner);

/// What a number counts, where its member's name does not say so.
template <class T>
constexpr const char* unit_of() {
    if (std::is_same_v<T, Height>) return "height of a block";
    if (std::is_same_v<T, Gas>) return "gas";
    if (std::is_same_v<T, WallTime>) return "milliseconds since 1970-01-01T00:00:00Z";
    if (std::is_same_v<T, ActiveTime>) return "milliseconds of active time since genesis";
    return nullptr;
}
}  // namespace json_detail

/// A type may carry `static boost::json::object json_schema()` of its own.
template <class T>
[[nodiscard]] boost::json::object json_schema() {
    using namespace codec_detail;
    namespace json = boost::json;
    if constexpr (requires { T::json_schema(); }) {
        return T::json_schema();
    } else if constexpr (json_detail::SelfText<T> || json_detail::NetworkText<T>) {
        return {{"type", "string"}, {"description", T::kTextName}};
    } else if constexpr (std::is_same_v<T, bool>) {
        return {{"type", "boolean"}};
    } else if constexpr (std::is_enum_v<T>) {
        json::array names;
        boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
            [&](auto d) { names.emplace_back(d.name); });
        return {{"type", "string"}, {"enum", std::move(names)}};
    } else if constexpr (std::is_integral_v<T> && std::is_signed_v<T>) {
        return json_detail::signed_schema(std::numeric_limits<T>::min(),
                                          std::numeric_limits<T>::max());
    } else if constexpr (std::is_integral_v<T>) {
        return json_detail::integer_schema(std::numeric_limits<T>::max());
    } else if constexpr (std::is_same_v<T, Amount>) {
        return json_detail::money_schema("nano-credits");
    } else if constexpr (std::is_same_v<T, Price>) {
        return json_detail::money_schema("nano-credits per Ggas");
    } else if constexpr (IsUnit<T>::value) {
        json::object out =
            json_detail::integer_schema(std::numeric_limits<typename T::integer_type>::max());
        if (const char* unit = json_detail::unit_of<T>()) out["description"] = unit;
        return out;
    } else if constexpr (IsFixedBytes<T>::value) {
        return json_detail::hex_schema(T::kSize, T::kSize);
    } else if constexpr (IsBoundedString<T>::value) {
        return json_detail::text_schema(T::kMax);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return {{"type", "string"}};
    } else if constexpr (IsOptional<T>::value) {
        return json_detail::nullable_schema(json_schema<typename T::value_type>());
    } else if constexpr (IsVariant<T>::value) {
        json::array alternatives;
        boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<T>>>([&](auto i) {
            using A = std::variant_alternative_t<decltype(i)::value, T>;
            json::object one = json_schema<A>();
            json::object properties{{"type", json::object{{"const", A::kName}}}};
            for (const auto& [key, member] : one["properties"].as_object())
                properties[key] = member;
            one["properties"] = std::move(properties);
            json::array required{"type"};
            for (const auto& name : one["required"].as_array()) required.push_back(name);
            one["required"] = std::move(required);
            alternatives.emplace_back(std::move(one));
        });
        return {{"oneOf", std::move(alternatives)}};
    } else if constexpr (requires { typename T::value_type; }) {
        if constexpr (std::is_same_v<typename T::value_type, std::uint8_t> &&
                      IsBoundedVector<T>::value) {
            return json_detail::hex_schema(0, T::kMax);
        } else if constexpr (json_detail::IsByteArray<T>::value) {
            return json_detail::hex_schema(std::tuple_size_v<T>, std::tuple_size_v<T>);
        } else {
            json::object out{{"type", "array"}, {"items", json_schema<typename T::value_type>()}};
            if constexpr (IsBoundedVector<T>::value) out["maxItems"] = T::kMax;
            if constexpr (IsArray<T>::value)
                out["minItems"] = out["maxItems"] = std::tuple_size_v<T>;
            return out;
        }
    } else {
        static_assert(Described<T>, "describe the struct with BOOST_DESCRIBE_STRUCT");
        json::object properties;
        json::array required;
        boost::mp11::mp_for_each<Members<T>>([&](auto d) {
            using M = std::remove_cvref_t<decltype(std::declval<T>().*d.pointer)>;
            properties[d.name] = json_schema<M>();
            if constexpr (!IsOptional<M>::value) required.emplace_back(d.name);
        });
        return {{"type", "object"},
                {"properties", std::move(properties)},
                {"required", std::move(required)},
                {"additionalProperties", false}};
    }
}

}  // namespace millrace
