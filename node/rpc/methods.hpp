#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/describe_schema.hpp"
#include "common/json.hpp"
#include "common/result.hpp"
#include "node/rpc/caller.hpp"
#include "node/rpc/errors.hpp"

namespace millrace::node::rpc {

/// Parameters of a method that takes none.
struct NoParams {};
BOOST_DESCRIBE_STRUCT(NoParams, (), ())

/// One row of the table: everything that is known of a method. Dispatcher, `rpc_discover` and the
/// manual's list read this and nothing else.
struct Method {
    std::string name;
    std::string summary;
    /// Names of the parameters in positional order.
    std::vector<std::string> param_names;
    boost::json::object params_schema;
    boost::json::object result_schema;
    /// Parameters of a call that a fresh `--dev` node answers, shown in the OpenRPC document.
    boost::json::value example_params;
    /// The error that the example shows, where it cannot show a result.
    std::optional<RpcCode> example_error;
    /// Errors of its own, beside those that any call can meet.
    std::vector<RpcCode> errors;
    /// What the caller must be allowed to do.
    Scope scope = Scope::read;
    /// Takes so long that it must not hold up other connections of its thread.
    bool is_slow = false;
    std::function<Result<boost::json::value, RpcError>(const boost::json::value& params,
                                                       const Caller& caller)>
        call;

    // In the words in which the lists of methods are written.
    Method& fails_with(std::vector<RpcCode> codes) {
        errors = std::move(codes);
        return *this;
    }
    Method& example_shows(RpcCode code) {
        example_error = code;
        return *this;
    }
    Method& needs(Scope needed) {
        scope = needed;
        return *this;
    }
    Method& slow() {
        is_slow = true;
        return *this;
    }
};

/// The methods by name. Filled once by `main`, then only read, from any thread.
class MethodTable {
  public:
    /// The style names the chain's network, whose addresses come out and are accepted.
    explicit MethodTable(JsonStyle style = {}) : style_(style) {}

    /// Adds `name`, whose handler maps described `Params` (and, where it asks for it, the caller)
    /// to a described result.
    template <class Params, class Handler>
    Method& add(std::string name, std::string summary, boost::json::value example,
                Handler handler) {
        constexpr bool kTakesCaller = std::is_invocable_v<Handler, const Params&, const Caller&>;
        const auto invoke = [](const Handler& h, const Params& params, const Caller& caller) {
            if constexpr (kTakesCaller)
                return h(params, caller);
            else
                return h(params);
        };
        using Answer = typename std::invoke_result_t<decltype(invoke), const Handler&,
                                                     const Params&, const Caller&>::value_type;
        Method row;
        row.name = std::move(name);
        row.summary = std::move(summary);
        boost::mp11::mp_for_each<codec_detail::Members<Params>>(
            [&](auto d) { row.param_names.emplace_back(d.name); });
        row.params_schema = json_schema<Params>();
        if constexpr (!std::is_same_v<Answer, boost::json::value>)
            row.result_schema = json_schema<Answer>();
        row.example_params = std::move(example);
        row.call = [names = row.param_names, handler = std::move(handler), style = style_, invoke](
                       const boost::json::value& given,
                       const Caller& caller) -> Result<boost::json::value, RpcError> {
            boost::json::value store;
            MILLRACE_TRY(const boost::json::value* named, by_name(given, names, store));
            const Result<Params, JsonError> params = from_json<Params>(*named, "", style);
            if (!params.has_value())
                return Err{RpcError{RpcCode::invalid_params, params.error().sentence()}};
            if constexpr (std::is_same_v<Answer, boost::json::value>) {
                return invoke(handler, *params, caller);
            } else {
                MILLRACE_TRY(const Answer answer, invoke(handler, *params, caller));
                return to_json(answer, style);
            }
        };
        return insert(std::move(row));
    }

    [[nodiscard]] const Method* find(std::string_view name) const;
    [[nodiscard]] const std::map<std::string, Method, std::less<>>& rows() const { return rows_; }
    /// What `node_subscription` carries for each topic: OpenRPC has no place of its own for that.
    void set_notifications(boost::json::object schemas) { notifications_ = std::move(schemas); }
    /// The OpenRPC 1.3 document of all rows, as `rpc_discover` answers.
    [[nodiscard]] boost::json::object openrpc() const;
    /// The manual's list of methods and error codes, in Markdown.
    [[nodiscard]] std::string markdown() const;

  private:
    Method& insert(Method row);
    /// Parameters by position become parameters by name, in `store`; absent ones become `{}`.
    static Result<const boost::json::value*, RpcError> by_name(
        const boost::json::value& given, const std::vector<std::string>& names,
        boost::json::value& store);
    JsonStyle style_;
    boost::json::object notifications_;
    std::map<std::string, Method, std::less<>> rows_;
};

}  // namespace millrace::node::rpc
