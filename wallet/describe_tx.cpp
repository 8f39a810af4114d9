#include "wallet/describe_tx.hpp"

#include <fmt/format.h>

#include <boost/describe.hpp>
#include <boost/mp11/algorithm.hpp>

#include "market/transaction_json.hpp"
#include "wallet/history.hpp"
#include "wallet/print.hpp"
#include "wallet/units.hpp"

namespace millrace::wallet {

namespace {

/// Longer names push what they name to the right by themselves.
constexpr std::size_t kNameColumns = 20;

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
concept Text = std::is_convertible_v<const T&, std::string_view>;
/// Parts that are read member by member; all else has its JSON form.
template <class T>
concept Described = std::is_same_v<T, market::JobSpec> || std::is_same_v<T, market::JobInput> ||
                    std::is_same_v<T, market::JobStdin> || std::is_same_v<T, market::Ask> ||
                    std::is_same_v<T, market::Machine> || std::is_same_v<T, market::Requirement>;
template <class T>
concept List = std::is_same_v<T, market::AccountList> ||
               std::is_same_v<T, decltype(market::JobSpec::arguments)>;

class Lines {
  public:
    explicit Lines(Network network) : network_(network) {}

    void line(std::string_view name, std::string_view text) {
        // Words, not identifiers.
        std::string words(name);
        for (char& c : words)
            if (c == '_') c = ' ';
        out_ += fmt::format("{:<{}}{}{}\n", words, kNameColumns,
                            words.size() >= kNameColumns ? " " : "", text);
    }

    template <class T>
    void put(std::string_view name, const T& value) {
        if constexpr (IsOptional<T>::value) {
            if (value) put(name, *value);
        } else if constexpr (std::is_same_v<T, Amount>) {
            line(name, to_credits(value) + " credits");
        } else if constexpr (std::is_same_v<T, Price>) {
            line(name, price_text(value) + " credits per Ggas");
        } else if constexpr (std::is_same_v<T, Gas>) {
            line(name, human_gas(value.value));
        } else if constexpr (std::is_same_v<T, Address>) {
            line(name, to_text(value, network_));
        } else if constexpr (std::is_same_v<T, BoundedBytes<market::kMemoMax>>) {
            if (!value.empty()) line(name, quoted_text(value));
        } else if constexpr (Text<T>) {
            line(name, quoted_text(as_bytes(std::string_view(value))));
        } else if constexpr (std::is_same_v<T, decltype(market::Ask::steps)>) {
            for (const market::AskStep& step : value)
                line("step", fmt::format("{} at {} credits per Ggas", counted(step.slots, "slot"),
                                         price_text(step.price)));
        } else if constexpr (List<T>) {
            for (const auto& item : value) put(name, item);
        } else if constexpr (std::is_integral_v<T>) {
            line(name, number(name, value));
        } else if constexpr (Described<T>) {
            members(value);
        } else {
            const boost::json::value shown = to_json(value, {network_});
            line(name, shown.is_string() ? std::string(shown.get_string())
                                         : boost::json::serialize(shown));
        }
    }

    template <class T>
    void members(const T& value) {
        using All = boost::describe::describe_members<T, boost::describe::mod_public>;
        boost::mp11::mp_for_each<All>([&](auto d) { put(d.name, value.*d.pointer); });
    }

    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    static std::string number(std::string_view name, std::uint64_t value) {
        if (name.ends_with("_ms")) return human_duration(value);
        if (name == "memory_tier" && value < market::kMemoryTiers)
            return human_binary(market::memory_tier_bytes(static_cast<std::uint8_t>(value)));
        if (name.find("bytes") != std::string_view::npos) return human_binary(value);
        if (name.ends_with("_bp")) return fmt::format("{}.{:02}%", value / 100, value % 100);
        return std::to_string(value);
    }

    std::string out_;
    Network network_;
};

void put_total(Lines& lines, const market::JobSpec& spec) {
    // No ledger has checked this: it may divide by zero, and multiply beyond all bounds.
    if (spec.tasks == 0 || spec.tasks_per_lot == 0) return;
    const std::uint64_t lots = std::uint64_t{market::chunks_of(spec)} * spec.replicas;
    std::uint64_t gas = spec.task_gas.value;
    const bool is_huge = __builtin_mul_overflow(gas, std::uint64_t{spec.tasks_per_lot}, &gas) ||
                         __builtin_mul_overflow(gas, lots, &gas);
    const auto pay = pay_for(Gas{gas}, spec.limit);
    // Each lot is rounded up by itself.
    const auto total = pay.has_value() ? checked_add(*pay, Amount{lots}) : pay;
    lines.line("all gas at most", is_huge || !total.has_value()
                                      ? std::string("more credits than there can be")
                                      : credits_text(*total) + " credits; rents come on top");
}

/// UTF-8 that shows: no controls, nothing invisible, no change of direction.
bool is_plain_text(std::string_view text) {
    boost::system::error_code ec;
    (void)boost::json::parse(boost::json::serialize(boost::json::value(text)), ec);
    if (ec) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = [&](std::size_t at) {
            return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
        };
        if (byte(i) < 0x20 || byte(i) == 0x7f) return false;
        if (byte(i) == 0xc2 && byte(i + 1) < 0xa0) return false;
        // U+2000 to U+206F: spaces of all widths, joiners, directions.
        if (byte(i) == 0xe2 && (byte(i + 1) == 0x80 || byte(i + 1) == 0x81)) return false;
        if (byte(i) == 0xd8 && byte(i + 1) == 0x9c) return false;
        if (byte(i) == 0xef && (byte(i + 1) == 0xbb || byte(i + 1) == 0xbf)) return false;
    }
    return true;
}

}  // namespace

std::string quoted_text(ByteView bytes) {
    const std::string_view text = as_text(bytes);
    if (is_plain_text(text)) return fmt::format("\"{}\"", text);
    return fmt::format("{} (bytes in hexadecimal)", to_hex(bytes));
}

std::string describe_tx(const market::Tx& tx, Network network) {
    Lines lines(network);
    const boost::json::value body = to_json(tx.body, {network});
    lines.put("from", to_address(tx.sender));
    lines.line("type", std::string_view(body.at("type").as_string()));
    std::visit([&](const auto& held) { lines.members(held); }, tx.body);
    if (const auto* post = std::get_if<market::JobPost>(&tx.body)) put_total(lines, post->spec);
    lines.line("nonce", fmt::format("{} of lane {}", tx.nonce.sequence, tx.nonce.lane));
    lines.line("fee at most", to_credits(tx.fee_max) + " credits");
    if (tx.tip.value != 0) lines.put("tip", tx.tip);
    lines.line("expires", time_text(tx.expiry));
    lines.put("chain", tx.chain);
    return lines.take();
}

}  // namespace millrace::wallet
