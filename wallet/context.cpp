#include "wallet/context.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

namespace millrace::wallet {

Try<Client*> Context::client() {
    if (!client_) {
        MILLRACE_TRY(client_, Client::make(node));
    }
    return client_.get();
}

Try<std::vector<Client*>> Context::holder_clients() {
    if (holder_clients_.empty())
        for (const std::string& url : holders) {
            auto made = Client::make(url);
            if (!made.has_value())
                return Err{Failure{
                    Exit::usage,
                    fmt::format("--from: \"{}\" is not of the form http://HOST:PORT", url)}};
            holder_clients_.push_back(*std::move(made));
        }
    std::vector<Client*> out;
    for (const auto& holder : holder_clients_) out.push_back(holder.get());
    MILLRACE_TRY(Client* const own, client());
    out.push_back(own);
    return out;
}

void Context::print(const boost::json::value& value, std::string_view text) const {
    if (json)
        fmt::print("{}\n", boost::json::serialize(value));
    else
        fmt::print("{}{}", text, text.ends_with('\n') || text.empty() ? "" : "\n");
    std::fflush(stdout);
}

void Context::note(std::string_view text) const {
    if (!json && !quiet) fmt::print(stderr, "{}\n", text);
}

void Context::announce(std::string_view text) const {
    if (!quiet) fmt::print(stderr, "{}\n", text);
}

Try<Ok> Context::confirm(std::string_view question) const {
    if (yes || dry_run) return Ok{};
    if (::isatty(STDIN_FILENO) != 1)
        return Err{Failure{Exit::cancelled,
                           "this needs a yes and there is no terminal to ask on; add --yes"}};
    fmt::print(stderr, "{} [y/N] ", question);
    std::string line;
    if (!std::getline(std::cin, line) || (line != "y" && line != "Y" && line != "yes"))
        return Err{Failure{Exit::cancelled, "cancelled; nothing was sent"}};
    return Ok{};
}

}  // namespace millrace::wallet
