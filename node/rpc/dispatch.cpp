#include "node/rpc/dispatch.hpp"

#include <boost/json/parser.hpp>
#include <exception>
#include <optional>

namespace millrace::node::rpc {

namespace json = boost::json;

namespace {

json::object error_object(const RpcError& error, json::value id) {
    json::object body{{"code", static_cast<int>(error.code)}, {"message", error.message}};
    if (!error.data.is_null()) body["data"] = error.data;
    return {{"jsonrpc", "2.0"}, {"error", std::move(body)}, {"id", std::move(id)}};
}

Result<json::value, RpcError> call(const Method& method, const json::value& params) {
    try {
        return method.call(params);
    } catch (const std::exception& trouble) {
        return Err{RpcError{RpcCode::internal_error,
                            std::string(method.name) + " failed: " + trouble.what()}};
    }
}

/// The response to one call, or none for a notification.
std::optional<json::object> answer_one(const MethodTable& methods, const json::value& request) {
    const auto invalid = [](std::string why, json::value id) {
        return error_object({RpcCode::invalid_request, std::move(why)}, std::move(id));
    };
    if (!request.is_object())
        return invalid("a request is an object with \"jsonrpc\", \"method\" and \"id\"", nullptr);
    const json::object& fields = request.get_object();
    const json::value* id = fields.if_contains("id");
    if (id != nullptr && !id->is_null() && !id->is_string() && !id->is_int64() && !id->is_uint64())
        return invalid("id: expected a string, a whole number or null", nullptr);
    const json::value answer_id = id != nullptr ? *id : json::value(nullptr);
    const json::value* version = fields.if_contains("jsonrpc");
    if (version == nullptr || *version != "2.0")
        return invalid("jsonrpc: expected \"2.0\"", answer_id);
    const json::value* name = fields.if_contains("method");
    if (name == nullptr || !name->is_string())
        return invalid("method: expected a string", answer_id);

    const Method* method = methods.find(std::string_view(name->get_string()));
    if (method == nullptr) {
        if (id == nullptr) return std::nullopt;
        return error_object(
            {RpcCode::method_not_found,
             "no method \"" + std::string(std::string_view(name->get_string()).substr(0, 64)) +
                 "\"; rpc_discover lists all"},
            answer_id);
    }
    const json::value* params = fields.if_contains("params");
    const Result<json::value, RpcError> result =
        call(*method, params != nullptr ? *params : json::value(nullptr));
    if (id == nullptr) return std::nullopt;
    if (!result.has_value()) return error_object(result.error(), answer_id);
    return json::object{{"jsonrpc", "2.0"}, {"result", *result}, {"id", answer_id}};
}

}  // namespace

std::string error_text(const RpcError& error) {
    return json::serialize(error_object(error, nullptr));
}

std::string dispatch(const MethodTable& methods, const DispatchLimits& limits,
                     std::string_view request) {
    json::parse_options options;
    options.max_depth = limits.depth_max;
    json::parser parser({}, options);
    json::error_code ec;
    const std::size_t used = parser.write_some(request.data(), request.size(), ec);
    // What follows the document may only be white space.
    const std::size_t rest = request.find_first_not_of(" \t\r\n", used);
    if (!ec && rest != std::string_view::npos) ec = json::error::extra_data;
    if (ec == json::error::too_deep)
        return error_text({RpcCode::invalid_request,
                           "nested deeper than " + std::to_string(limits.depth_max) + " levels"});
    if (ec)
        return error_text({RpcCode::parse_error,
                           "not JSON at byte " + std::to_string(used) + ": " + ec.message()});
    const json::value document = parser.release();

    if (!document.is_array()) {
        const auto one = answer_one(methods, document);
        std::string text = one ? json::serialize(*one) : std::string();
        if (text.size() > limits.response_bytes_max)
            return error_text({RpcCode::too_large, "the answer is above the node's limit of " +
                                                       std::to_string(limits.response_bytes_max) +
                                                       " bytes; ask for less"});
        return text;
    }
    const json::array& batch = document.get_array();
    if (batch.empty()) return error_text({RpcCode::invalid_request, "an empty batch"});
    if (batch.size() > limits.batch_max)
        return error_text({RpcCode::invalid_request, "a batch of " + std::to_string(batch.size()) +
                                                         " calls; at most " +
                                                         std::to_string(limits.batch_max)});
    std::string text;
    for (const json::value& request_of_batch : batch) {
        std::optional<json::object> one;
        if (text.size() > limits.response_bytes_max) {
            // Enough has been gathered: the rest is not run, and each is told so.
            const json::value* id = request_of_batch.is_object()
                                        ? request_of_batch.get_object().if_contains("id")
                                        : nullptr;
            one =
                error_object({RpcCode::too_large, "the batch's answers are above the node's limit"},
                             id != nullptr ? *id : json::value(nullptr));
        } else {
            one = answer_one(methods, request_of_batch);
        }
        if (one) text += (text.empty() ? "[" : ",") + json::serialize(*one);
    }
    return text.empty() ? text : text + "]";
}

}  // namespace millrace::node::rpc
