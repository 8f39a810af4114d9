#include "wallet/context.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "market/node_answers.hpp"
#include "wallet/fold.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

/// Far above the 64 digits of a cookie or token of ours; a proxy's may be longer.
constexpr std::size_t kTokenMax = 512;

/// A header's value must not end the header, so nothing but visible signs is sent.
bool is_token(std::string_view text) {
    return !text.empty() && text.size() <= kTokenMax &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

WallTime wall_now() {
    return WallTime{
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count())};
}

Try<std::string> read_token(const std::filesystem::path& path, const Failure& if_missing) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kTokenMax + 2, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file && !file.eof()) return Err{if_missing};
    text.resize(static_cast<std::size_t>(file.gcount()));
    text.resize(std::min(text.size(), text.find_first_of("\r\n")));
    if (is_token(text)) return text;
    return Err{Failure{Exit::bad_input, "there is no token in " + path.string()}};
}

}  // namespace

Try<std::string> Context::token() const {
    if (token_file)
        return read_token(*token_file,
                          {Exit::bad_input, "--token-file: cannot read " + token_file->string()});
    if (const char* text = std::getenv("MILLRACE_TOKEN"); text != nullptr && *text != '\0') {
        if (is_token(text)) return std::string(text);
        return Err{Failure{Exit::bad_input, "the variable MILLRACE_TOKEN holds no token"}};
    }
    // A cookie can do everything to its node: it stays on its machine.
    if (!data_dir || !is_local_url(node)) return std::string();
    const std::filesystem::path path = *data_dir / "rpc.cookie";
    return read_token(path, {Exit::node_unreachable, "cannot read " + path.string() +
                                                         "; does a node run on this data folder?"});
}

Try<Ok> Context::check_ids() const {
    if (chain) MILLRACE_CHECK(parse_id<ChainId>("--chain", *chain));
    if (checkpoint) MILLRACE_CHECK(parse_id<BlockHash>("--checkpoint", *checkpoint));
    return Ok{};
}

Try<Ok> Context::check_meant(const ChainId& found, std::string_view who) const {
    if (!chain) return Ok{};
    MILLRACE_TRY(const ChainId meant, parse_id<ChainId>("--chain", *chain));
    if (found == meant) return Ok{};
    return Err{Failure{Exit::bad_input,
                       fmt::format("{} chain {}, and --chain names {}; nothing was signed or sent",
                                   who, to_hex(found.view()), to_hex(meant.view()))}};
}

Try<Ok> Context::check_chain() {
    // A node that is checked by proof has shown its chain, or will be told so with more reason.
    if (is_chain_checked_ || !chain || proofs_) return Ok{};
    MILLRACE_TRY(const auto status, client_->ask<market::NodeStatus>("node_status"));
    MILLRACE_CHECK(check_meant(status.chain, fmt::format("the node at {} is on", node)));
    is_chain_checked_ = true;
    return Ok{};
}

Try<Client*> Context::client() {
    MILLRACE_CHECK(connect());
    MILLRACE_CHECK(check_chain());
    return client_.get();
}

Try<Client*> Context::connect() {
    if (!client_) {
        MILLRACE_TRY(std::string shown, token());
        MILLRACE_TRY(client_, Client::make(node, Reach{std::move(shown), ca_file, kDeadline}));
    }
    return client_.get();
}

Try<ProofReader*> Context::proofs() {
    if (!is_verifying()) return static_cast<ProofReader*>(nullptr);
    if (!proofs_) {
        TrustChoice choice;
        if (chain) {
            MILLRACE_TRY(choice.chain, parse_id<ChainId>("--chain", *chain));
        }
        if (checkpoint) {
            MILLRACE_TRY(choice.checkpoint, parse_id<BlockHash>("--checkpoint", *checkpoint));
        }
        MILLRACE_TRY(Client* const own, connect());
        MILLRACE_TRY(proofs_,
                     ProofReader::open(*own, TrustStore(keystore_dir / "trust"), std::move(choice),
                                       {[this](std::string_view text) { note(text); }, wall_now}));
    }
    return proofs_.get();
}

void Context::take_on_trust(std::string_view what) {
    if (std::find(on_trust_.begin(), on_trust_.end(), what) == on_trust_.end())
        on_trust_.emplace_back(what);
}

boost::json::value Context::marked(boost::json::value value) const {
    if (!is_verifying() || !client_) return value;
    const auto mark = [&](boost::json::object& object) {
        // A row that was looked at by itself says so.
        if (object.contains("verified")) return;
        object["verified"] = on_trust_.empty();
        if (on_trust_.empty()) return;
        boost::json::array& list = object["unverified"].emplace_array();
        for (const std::string& what : on_trust_) list.emplace_back(what);
    };
    if (auto* object = value.if_object()) mark(*object);
    if (auto* rows = value.if_array())
        for (boost::json::value& row : *rows)
            if (auto* object = row.if_object()) mark(*object);
    return value;
}

Try<std::vector<Client*>> Context::holder_clients() {
    if (holder_clients_.empty())
        for (const std::string& url : holders) {
            // A token is for its own node alone.
            auto made = Client::make(url, Reach{{}, ca_file, kDeadline});
            if (!made.has_value() && made.error().exit != Exit::usage) return Err{made.error()};
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
    print_raw(json ? marked(value) : value, text);
}

void Context::print_raw(const boost::json::value& value, std::string_view text) const {
    if (is_verifying() && !on_trust_.empty())
        note(fmt::format("Not verified, the node's word alone: {}", fmt::join(on_trust_, ", ")));
    if (json)
        fmt::print("{}\n", boost::json::serialize(value));
    else
        fmt::print("{}{}", folded(text, Terminal::of(STDOUT_FILENO)),
                   text.ends_with('\n') || text.empty() ? "" : "\n");
    std::fflush(stdout);
}

void Context::note(std::string_view text) const {
    if (!json && !quiet) fmt::print(stderr, "{}\n", folded(text, Terminal::of(STDERR_FILENO)));
}

void Context::announce(std::string_view text) const {
    if (!quiet) fmt::print(stderr, "{}\n", folded(text, Terminal::of(STDERR_FILENO)));
}

Try<Ok> Context::confirm(std::string_view question) const {
    if (yes || dry_run) return Ok{};
    if (::isatty(STDIN_FILENO) != 1)
        return Err{Failure{Exit::cancelled,
                           "this needs a yes and there is no terminal to ask on; add --yes"}};
    fmt::print(stderr, "{} [y/N] ", folded(question, Terminal::of(STDERR_FILENO)));
    std::string line;
    if (!std::getline(std::cin, line) || (line != "y" && line != "Y" && line != "yes"))
        return Err{Failure{Exit::cancelled, "cancelled; nothing was sent"}};
    return Ok{};
}

}  // namespace millrace::wallet
