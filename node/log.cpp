#include "node/log.hpp"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace millrace::node {

void init_log(const std::string& level, bool json) {
    auto logger = spdlog::stderr_color_mt("millraced");
    logger->set_pattern(json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})"
                             : "%H:%M:%S.%e %^%-5l%$ %v");
    logger->set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
    spdlog::set_default_logger(std::move(logger));
}

}  // namespace millrace::node
