#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "wallet/command_line.hpp"
#include "wallet/context.hpp"

namespace millrace::wallet {

namespace {

/// A value as typed: JSON where it can be nothing else, else a text. Ids of digits only stay texts.
Try<boost::json::value> parse_value(const std::string& name, const std::string& text) {
    constexpr std::size_t kIntegerDigitsMax = 19;
    const bool is_integer =
        !text.empty() && text.size() <= kIntegerDigitsMax &&
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
        (text == "0" || text.front() != '0');
    const bool is_word = text == "true" || text == "false" || text == "null";
    const bool is_json =
        !text.empty() && (text.front() == '{' || text.front() == '[' || text.front() == '"');
    if (!is_integer && !is_word && !is_json) return boost::json::value(text);
    boost::system::error_code ec;
    boost::json::value value = boost::json::parse(text, ec);
    if (ec) return Err{Failure{Exit::usage, fmt::format("{}: this is not JSON: {}", name, text)}};
    return value;
}

Try<boost::json::object> parse_params(const std::vector<std::string>& words) {
    boost::json::object out;
    if (words.size() == 1 && words.front().starts_with('{')) {
        MILLRACE_TRY(const boost::json::value value, parse_value("PARAMS", words.front()));
        return value.get_object();
    }
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0)
            return Err{Failure{Exit::usage,
                               fmt::format("\"{}\" is neither NAME=VALUE nor one JSON object; "
                                           "`millrace rpc rpc_discover` lists what methods take",
                                           word)}};
        const std::string name = word.substr(0, equals);
        MILLRACE_TRY(out[name], parse_value(name, word.substr(equals + 1)));
    }
    return out;
}

Try<Ok> call(Context& context, const std::string& method, const std::vector<std::string>& words) {
    MILLRACE_TRY(boost::json::object params, parse_params(words));
    MILLRACE_TRY(Client* const client, context.client());
    MILLRACE_TRY(const boost::json::value answer, client->call(method, std::move(params)));
    context.print_raw(answer, boost::json::serialize(answer));
    return Ok{};
}

}  // namespace

void add_rpc_command(CLI::App& app, Context& context) {
    struct Options {
        std::string method;
        std::vector<std::string> params;
    };
    const auto options = std::make_shared<Options>();
    const Command command =
        Command(app).add_subcommand("rpc", "Call any method of the node, and print its result");
    command->add_option("method", options->method, "Such as chain_head")->required();
    command->add_option("params", options->params, "NAME=VALUE ..., or one JSON object");
    command->footer(
        "Examples:\n  millrace rpc chain_block height=5\n  millrace rpc job_get "
        "'{\"job\":\"3fa9...\"}'"
        "\n\n`millrace rpc rpc_discover` describes all methods.");
    command->callback([&context, options] {
        context.action = [&context, options] {
            return call(context, options->method, options->params);
        };
    });
}

}  // namespace millrace::wallet
