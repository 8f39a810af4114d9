#include <fmt/format.h>

#include "wallet/command_line.hpp"
#include "wallet/tx.hpp"

namespace millrace::wallet {

namespace {

struct SendResult {
    TxHash hash;
    Height height;
    Amount fee;
};
BOOST_DESCRIBE_STRUCT(SendResult, (), (hash, height, fee))

Try<Ok> finish(Context& context, const Sent& sent, const std::string& what) {
    const SendResult result{sent.hash, sent.height, sent.receipt.fee};
    context.print(
        to_json(result),
        fmt::format("{}\nFinal in block {}; fee {} credits; transaction {}", what,
                    sent.height.value, to_credits(sent.receipt.fee), to_hex(sent.hash.view())));
    return Ok{};
}

Try<Ok> send(Context& context, const std::optional<std::string>& from, const std::string& to_text_,
             const std::string& credits, const std::string& memo) {
    const auto amount = from_credits(credits);
    if (!amount || amount->value == 0)
        return Err{Failure{Exit::usage,
                           fmt::format("\"{}\" is no amount of credits, such as 12.5", credits)}};
    MILLRACE_TRY(Signer signer, Signer::open(context, from));
    const auto to = parse_address(to_text_, signer.node().network);
    if (!to.has_value())
        return Err{Failure{Exit::bad_input, fmt::format("{}: {}", to_text_, sentence(to.error()))}};
    if (memo.size() > market::kMemoMax)
        return Err{Failure{Exit::usage, fmt::format("--memo: at most {} bytes", market::kMemoMax)}};
    market::Transfer body;
    body.to = *to;
    body.amount = *amount;
    const ByteView raw = as_bytes(memo);
    body.memo.assign(raw.begin(), raw.end());
    MILLRACE_TRY(const market::SignedTx tx, signer.sign(context, body));
    MILLRACE_CHECK(
        context.confirm(fmt::format("Send {} credits to {} (fee at most {})?", to_credits(*amount),
                                    to_text_, to_credits(tx.tx.fee_max))));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    return finish(context, sent,
                  fmt::format("Sent {} credits to {}.", to_credits(*amount), to_text_));
}

Try<Ok> faucet(Context& context, const std::optional<std::string>& from,
               const std::string& credits) {
    const auto amount = from_credits(credits);
    if (!amount || amount->value == 0)
        return Err{Failure{Exit::usage, fmt::format("\"{}\" is no amount of credits", credits)}};
    MILLRACE_TRY(Signer signer, Signer::open(context, from));
    market::Faucet body;
    body.to = signer.address();
    body.amount = *amount;
    MILLRACE_TRY(market::SignedTx tx, signer.sign(context, body));
    MILLRACE_TRY(const Sent sent, send_and_wait(context, tx));
    return finish(context, sent,
                  fmt::format("The faucet gave {} credits to {}.", to_credits(*amount),
                              signer.text(signer.address())));
}

}  // namespace

void add_send_commands(CLI::App& app, Context& context) {
    struct Options {
        std::optional<std::string> from;
        std::string to, credits, memo;
    };
    const auto options = std::make_shared<Options>();
    const Command command = Command(app).add_subcommand("send", "Pay credits to an account");
    command->add_option("to", options->to, "Address, mill1... or tmill1...")->required();
    command->add_option("credits", options->credits, "Amount, such as 12.5")->required();
    command->add_option("--from", options->from, "Account that pays");
    command->add_option("--memo", options->memo, "A remark for the receiver, public");
    command->footer("Example:\n  millrace send tmill1w... 12.5 --memo \"invoice 7\"");
    command->callback([&context, options] {
        context.action = [&context, options] {
            return send(context, options->from, options->to, options->credits, options->memo);
        };
    });

    const Command free = Command(app).add_subcommand("faucet", "Get credits on a --dev chain");
    free->add_option("credits", options->credits, "Amount")->required();
    free->add_option("--from", options->from, "Account that gets them");
    free->footer("Example:\n  millrace faucet 1000");
    free->callback([&context, options] {
        context.action = [&context, options] {
            return faucet(context, options->from, options->credits);
        };
    });
}

}  // namespace millrace::wallet
