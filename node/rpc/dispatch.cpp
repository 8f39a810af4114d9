#include "node/rpc/dispatch.hpp"

#include <boost/json/parser.hpp>
#include <exception>
#include <optional>

namespace millrace::node::rpc {

namespace json = boost::json;

namespace {

// The envelope is written as text round its parts: an object of it would copy the result.
std::string result_text(const json::value& result, const json::value& id) {
    std::string out = R"({"jsonrpc":"2.0","result":)";
    out += json::serialize(result);
    out += R"(,"id":)";
    out += json::serialize(id);
    out += '}';
    return out;
}
std::string error_text(const RpcError& error, const json::value& id) {
    json::object body{{"code", static_cast<int>(error.code)}, {"message", error.message}};
    if (!error.data.is_null()) body["data"] = error.data;
    std::string out = R"({"jsonrpc":"2.0","error":)";
    out += json::serialize(body);
    out += R"(,"id":)";
    out += json::serialize(id);
    out += '}';
    return out;
}

Result<json::value, RpcError> call(const Method& method, const json::value& params,
                                   const Caller& caller) {
    if (!caller.scopes.has(method.scope))
        return Err{RpcError{RpcCode::unauthorized,
                            method.name + " needs the node's cookie or a token with the scope \"" +
                                enum_name(method.scope) + "\" (docs/manual/node.md, Access)",
                            json::object{{"scope", enum_name(method.scope)}}}};
    try {
        return method.call(params, caller);
    } catch (const std::exception& trouble) {
        return Err{RpcError{RpcCode::internal_error,
                            std::string(method.name) + " failed: " + trouble.what()}};
    }
}

const Method* method_of(const MethodTable& methods, const json::value& request) {
    const json::object* fields = request.if_object();
    const json::value* name = fields != nullptr ? fields->if_contains("method") : nullptr;
    return name != nullptr && name->is_string() ? methods.find(std::string_view(name->get_string()))
                                                : nullptr;
}

/// A call's id as every answer to it repeats it, `null` where it gives none; nothing when it cannot
/// be one: then the answer says so. An id is bounded as it is written: a refusal repeats it,
/// too, and goes out whatever room there is for answers.
const json::value* valid_id_of(const json::value& request) {
    static const json::value none = nullptr;
    const json::object* fields = request.if_object();
    const json::value* id = fields != nullptr ? fields->if_contains("id") : nullptr;
    if (id == nullptr) return &none;
    if (id->is_null() || id->is_int64() || id->is_uint64()) return id;
    const json::string* text = id->if_string();
    if (text == nullptr || text->size() > kIdBytesMax) return nullptr;
    return json::serialize(*text).size() <= kIdBytesMax ? id : nullptr;
}
std::string invalid_id_text() {
    return error_text({RpcCode::invalid_request,
                       "id: expected a whole number, null, or a string that takes up to " +
                           std::to_string(kIdBytesMax) + " bytes with its quotes"},
                      nullptr);
}

bool is_notification(const json::value& request) {
    const json::object* fields = request.if_object();
    return fields != nullptr && fields->if_contains("id") == nullptr;
}

/// This error as the answer to one call; empty for a notification.
std::string refuse_one(const json::value& request, const RpcError& error) {
    if (is_notification(request)) return {};
    const json::value* id = valid_id_of(request);
    return id != nullptr ? error_text(error, *id) : invalid_id_text();
}

/// The response to one call; empty for a notification.
std::string answer_one(const MethodTable& methods, const Caller& caller, const json::value& request,
                       const std::atomic<bool>* is_stopping) {
    const auto invalid = [](std::string why, const json::value& id) {
        return error_text({RpcCode::invalid_request, std::move(why)}, id);
    };
    if (!request.is_object())
        return invalid("a request is an object with \"jsonrpc\", \"method\" and \"id\"", nullptr);
    const json::object& fields = request.get_object();
    const json::value* valid_id = valid_id_of(request);
    if (valid_id == nullptr) return invalid_id_text();
    const json::value& id = *valid_id;
    const json::value* version = fields.if_contains("jsonrpc");
    if (version == nullptr || !version->is_string() || version->get_string() != "2.0")
        return invalid("jsonrpc: expected \"2.0\"", id);
    const json::value* name = fields.if_contains("method");
    if (name == nullptr || !name->is_string()) return invalid("method: expected a string", id);

    const Method* method = method_of(methods, request);
    if (method == nullptr)
        return refuse_one(
            request,
            {RpcCode::method_not_found,
             "no method \"" + std::string(std::string_view(name->get_string()).substr(0, 64)) +
                 "\"; rpc_discover lists all"});
    if (is_stopping != nullptr && *is_stopping)
        return refuse_one(request,
                          {RpcCode::not_available, "the node is stopping; this was not begun"});
    static const json::value none = nullptr;
    const json::value* params = fields.if_contains("params");
    const Result<json::value, RpcError> result =
        call(*method, params != nullptr ? *params : none, caller);
    if (is_notification(request)) return {};
    return result.has_value() ? result_text(*result, id) : error_text(result.error(), id);
}

std::string answer_batch(const MethodTable& methods, const DispatchLimits& limits,
                         const Caller& caller, const json::array& batch,
                         const std::atomic<bool>* is_stopping) {
    std::string text;
    for (const json::value& request : batch) {
        // Once enough has been gathered the rest is not run, and each is told so.
        const std::string one =
            text.size() > limits.response_bytes_max
                ? refuse_one(request, {RpcCode::too_large,
                                       "the batch's answers so far are above the node's limit; "
                                       "this was not begun"})
                : answer_one(methods, caller, request, is_stopping);
        if (one.empty()) continue;
        text += text.empty() ? '[' : ',';
        text += one;
    }
    if (!text.empty()) text += ']';
    return text;
}

}  // namespace

std::string error_text(const RpcError& error) {
    return error_text(error, nullptr);
}

Request read_request(const MethodTable& methods, const DispatchLimits& limits,
                     std::string_view text) {
    Request out;
    json::parse_options options;
    options.max_depth = limits.depth_max;
    json::parser parser({}, options);
    json::error_code ec;
    const std::size_t used = parser.write_some(text.data(), text.size(), ec);
    // What follows the document may only be white space.
    const std::size_t rest = text.find_first_not_of(" \t\r\n", used);
    if (!ec && rest != std::string_view::npos) ec = json::error::extra_data;
    if (ec == json::error::too_deep) {
        out.refusal =
            error_text({RpcCode::invalid_request,
                        "nested deeper than " + std::to_string(limits.depth_max) + " levels"});
        return out;
    }
    if (ec) {
        out.refusal = error_text({RpcCode::parse_error, "not JSON at byte " + std::to_string(used) +
                                                            ": " + ec.message()});
        return out;
    }
    out.document = parser.release();
    const json::array* batch = out.document.if_array();
    if (batch == nullptr) {
        const Method* method = method_of(methods, out.document);
        out.is_slow = method != nullptr && method->is_slow;
        return out;
    }
    if (batch->empty()) {
        out.refusal = error_text({RpcCode::invalid_request, "an empty batch"});
    } else if (batch->size() > limits.batch_max) {
        out.refusal = error_text(
            {RpcCode::invalid_request, "a batch of " + std::to_string(batch->size()) +
                                           " calls; at most " + std::to_string(limits.batch_max)});
    } else {
        out.calls = batch->size();
        // A batch of many short calls is as long as one long call.
        constexpr std::size_t kShortBatch = 4;
        out.is_slow = batch->size() > kShortBatch;
        for (const json::value& one : *batch)
            if (const Method* method = method_of(methods, one); method != nullptr)
                out.is_slow = out.is_slow || method->is_slow;
    }
    return out;
}

std::string answer(const MethodTable& methods, const DispatchLimits& limits, const Caller& caller,
                   const Request& request, const std::atomic<bool>* is_stopping) {
    if (!request.refusal.empty()) return request.refusal;
    if (const json::array* batch = request.document.if_array())
        return answer_batch(methods, limits, caller, *batch, is_stopping);
    std::string text = answer_one(methods, caller, request.document, is_stopping);
    if (text.size() > limits.response_bytes_max)
        return refuse_one(request.document,
                          {RpcCode::too_large, "the answer is above the node's limit of " +
                                                   std::to_string(limits.response_bytes_max) +
                                                   " bytes; ask for less"});
    return text;
}

std::string refuse(const Request& request, const RpcError& error) {
    if (!request.refusal.empty()) return request.refusal;
    const json::array* batch = request.document.if_array();
    if (batch == nullptr) return refuse_one(request.document, error);
    std::string text;
    for (const json::value& one : *batch) {
        const std::string refusal = refuse_one(one, error);
        if (refusal.empty()) continue;
        text += text.empty() ? '[' : ',';
        text += refusal;
    }
    if (!text.empty()) text += ']';
    return text;
}

std::string dispatch(const MethodTable& methods, const DispatchLimits& limits,
                     std::string_view text, const Caller& caller) {
    return answer(methods, limits, caller, read_request(methods, limits, text));
}

}  // namespace millrace::node::rpc
