// Input: the body of a request to the node's JSON-RPC. Answered by the dispatcher with three
// methods of ours: one that works, one that refuses, one that throws. What it says must be
// JSON-RPC 2.0 and within the limits, whatever was asked.
#include <boost/json.hpp>
#include <stdexcept>

#include "node/rpc/dispatch.hpp"

namespace {

using namespace millrace;
using namespace millrace::node::rpc;
namespace json = boost::json;

struct EchoParams {
    BoundedString<200> text;
    std::optional<std::uint64_t> number;
    BoundedVector<std::uint16_t, 8> list;
};
BOOST_DESCRIBE_STRUCT(EchoParams, (), (text, number, list))
struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

MethodTable make_methods() {
    MethodTable methods;
    methods.add<EchoParams>(
        "echo", "What was said.", json::object{},
        [](const EchoParams& params) -> Result<EchoParams, RpcError> { return params; });
    methods.add<Nothing>("refuse", "Refuses.", json::object{},
                         [](const Nothing&) -> Result<Nothing, RpcError> {
                             return Err{RpcError{RpcCode::not_found, "not here"}};
                         });
    methods.add<Nothing>(
        "throw", "Throws.", json::object{},
        [](const Nothing&) -> Result<Nothing, RpcError> { throw std::runtime_error("thrown"); });
    return methods;
}

void check_one(const json::value& answer) {
    MILLRACE_ASSERT(answer.is_object());
    const json::object& fields = answer.get_object();
    MILLRACE_ASSERT(fields.size() == 3 && fields.at("jsonrpc") == "2.0" && fields.contains("id"));
    MILLRACE_ASSERT(fields.contains("result") != fields.contains("error"));
    if (const json::value* error = fields.if_contains("error"))
        MILLRACE_ASSERT(error->at("code").is_int64() && !error->at("message").get_string().empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const MethodTable kMethods = make_methods();
    // Small, so that the bounds are met; the second so small that only errors fit.
    for (const std::size_t response_max : {std::size_t{2'000}, std::size_t{40}}) {
        DispatchLimits limits;
        limits.batch_max = 5;
        limits.depth_max = 12;
        limits.response_bytes_max = response_max;
        const std::string text = dispatch(kMethods, limits, as_text(ByteView(data, size)));
        if (text.empty()) continue;
        const json::value answer = json::parse(text);
        if (answer.is_array()) {
            MILLRACE_ASSERT(!answer.get_array().empty());
            MILLRACE_ASSERT(answer.get_array().size() <= limits.batch_max);
            for (const json::value& one : answer.get_array()) check_one(one);
        } else {
            check_one(answer);
        }
    }
    return 0;
}
