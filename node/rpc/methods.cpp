#include "node/rpc/methods.hpp"

#include <algorithm>
#include <array>

#include "common/assert.hpp"

namespace millrace::node::rpc {

namespace json = boost::json;

Method& MethodTable::insert(Method row) {
    std::string name = row.name;
    const auto [at, fresh] = rows_.emplace(std::move(name), std::move(row));
    MILLRACE_ASSERT(fresh);  // two methods of one name
    return at->second;
}

const Method* MethodTable::find(std::string_view name) const {
    const auto found = rows_.find(name);
    return found == rows_.end() ? nullptr : &found->second;
}

Result<const json::value*, RpcError> MethodTable::by_name(const json::value& given,
                                                          const std::vector<std::string>& names,
                                                          json::value& store) {
    if (given.is_object()) return &given;
    if (given.is_null()) {
        store = json::object{};
        return &store;
    }
    if (!given.is_array())
        return Err{RpcError{RpcCode::invalid_params, "params: expected an object or an array"}};
    const json::array& list = given.get_array();
    if (list.size() > names.size())
        return Err{RpcError{RpcCode::invalid_params, "params: at most " +
                                                         std::to_string(names.size()) +
                                                         " expected by position, " +
                                                         std::to_string(list.size()) + " given"}};
    json::object& named = store.emplace_object();
    for (std::size_t i = 0; i < list.size(); ++i) named[names[i]] = list[i];
    return &store;
}

namespace {

/// Errors that a call of any method can meet.
constexpr std::array kCommonErrors{
    RpcCode::invalid_request, RpcCode::invalid_params, RpcCode::internal_error, RpcCode::too_large,
    RpcCode::unauthorized,    RpcCode::rate_limited,   RpcCode::not_available};

json::object error_of(RpcCode code) {
    for (const RpcCodeInfo& row : kRpcCodes)
        if (row.code == code)
            return {{"code", static_cast<int>(code)}, {"message", row.name}, {"data", row.meaning}};
    return {};
}

/// An example is a call with what comes of it: a result of the method's schema, or this error.
json::object example_of(const Method& row, json::array params) {
    json::object out{{"name", "call"}, {"params", std::move(params)}};
    if (row.example_error) out["x-error"] = error_of(*row.example_error);
    return out;
}

json::object openrpc_method(const Method& row) {
    json::array params;
    const json::object& properties = row.params_schema.at("properties").as_object();
    const json::array& required = row.params_schema.at("required").as_array();
    for (const std::string& name : row.param_names) {
        bool is_required = false;
        for (const auto& item : required) is_required = is_required || item.as_string() == name;
        params.emplace_back(json::object{
            {"name", name}, {"required", is_required}, {"schema", properties.at(name)}});
    }
    json::array example_params;
    if (row.example_params.is_object())
        for (const auto& [name, value] : row.example_params.get_object())
            example_params.emplace_back(json::object{{"name", name}, {"value", value}});
    std::vector<RpcCode> codes(kCommonErrors.begin(), kCommonErrors.end());
    codes.insert(codes.end(), row.errors.begin(), row.errors.end());
    std::sort(codes.begin(), codes.end());
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    json::array errors;
    for (const RpcCode code : codes) errors.emplace_back(error_of(code));
    return {{"name", row.name},
            {"summary", row.summary},
            {"paramStructure", "either"},
            {"params", std::move(params)},
            {"result", json::object{{"name", "result"}, {"schema", row.result_schema}}},
            {"errors", std::move(errors)},
            {"x-scope", enum_name(row.scope)},
            {"examples", json::array{example_of(row, std::move(example_params))}}};
}

std::string type_of(const json::object& schema) {
    if (schema.contains("oneOf")) {
        std::string out;
        for (const auto& one : schema.at("oneOf").as_array())
            out += (out.empty() ? "" : " or ") + type_of(one.as_object());
        return out;
    }
    if (schema.contains("enum")) return "name";
    if (!schema.contains("type")) return "any";
    return std::string(schema.at("type").as_string());
}

}  // namespace

json::object MethodTable::openrpc() const {
    json::array methods;
    for (const auto& [name, row] : rows_) methods.emplace_back(openrpc_method(row));
    json::array errors;
    for (const RpcCodeInfo& row : kRpcCodes)
        errors.emplace_back(json::object{
            {"code", static_cast<int>(row.code)}, {"message", row.name}, {"data", row.meaning}});
    return {{"openrpc", "1.3.2"},
            {"info", json::object{{"title", "Millrace node"}, {"version", "0.1.0"}}},
            {"methods", std::move(methods)},
            {"components", json::object{{"errors", std::move(errors)}}},
            {"x-notifications", notifications_}};
}

std::string MethodTable::markdown() const {
    std::string out = "| method | parameters | what it gives |\n| --- | --- | --- |\n";
    for (const auto& [name, row] : rows_) {
        std::string params;
        for (const std::string& param : row.param_names) {
            const auto& schema = row.params_schema.at("properties").at(param).as_object();
            params += (params.empty() ? "" : ", ") + ("`" + param + "` ") + type_of(schema);
        }
        out.append("| `").append(name).append("` | ").append(params).append(" | ");
        out.append(row.summary).append(" |\n");
    }
    out += "\n| code | name | meaning |\n| --- | --- | --- |\n";
    for (const RpcCodeInfo& row : kRpcCodes)
        out += "| " + std::to_string(static_cast<int>(row.code)) + " | `" + row.name + "` | " +
               row.meaning + " |\n";
    return out;
}

}  // namespace millrace::node::rpc
