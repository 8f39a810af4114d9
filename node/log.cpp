#include "node/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "common/unicode.hpp"

namespace millrace::node {

namespace {

/// `%*`: the message as a JSON string, quotes included.
class JsonMessage final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
                spdlog::memory_buf_t& out) override {
        const std::string_view text(message.payload.data(), message.payload.size());
        const std::string quoted = boost::json::serialize(
            boost::json::value(is_utf8(as_bytes(text)) ? text : std::string_view("(not UTF-8)")));
        out.append(quoted.data(), quoted.data() + quoted.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<JsonMessage>();
    }
};

/// `%*`: the message with control characters shown as `?`.
class PlainMessage final : public spdlog::custom_flag_formatter {
  public:
    void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
                spdlog::memory_buf_t& out) override {
        for (const char c : std::string_view(message.payload.data(), message.payload.size())) {
            const auto byte = static_cast<unsigned char>(c);
            out.push_back(byte < 0x20 || byte == 0x7f ? '?' : c);
        }
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<PlainMessage>();
    }
};

}  // namespace

std::unique_ptr<spdlog::formatter> make_log_formatter(bool json) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    if (json)
        formatter->add_flag<JsonMessage>('*').set_pattern(
            R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})");
    else
        formatter->add_flag<PlainMessage>('*').set_pattern("%H:%M:%S.%e %^%-5l%$ %*");
    return formatter;
}

void init_log(const std::string& level, bool json) {
    auto logger = spdlog::stderr_color_mt("millraced");
    logger->set_formatter(make_log_formatter(json));
    logger->set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace millrace::node
