#include "vm/wasi/arguments.hpp"

#include <algorithm>
#include <cstring>

#include "common/bytes.hpp"

namespace millrace::vm {

namespace {

bool holds_nul(const std::string& text) {
    return text.find('\0') != std::string::npos;
}

Status<ArgumentsRefusal> check_environment(const std::vector<std::string>& env) {
    for (const std::string& entry : env) {
        const std::size_t equals = entry.find('=');
        if (equals == std::string::npos || equals == 0)
            return Err{ArgumentsRefusal::bad_environment};
    }
    for (const std::string& entry : env)
        if (entry.starts_with("MILLRACE_")) return Err{ArgumentsRefusal::reserved_environment};
    return Ok{};
}

bool input_is_sound(const TaskArguments& arguments) {
    switch (arguments.input_form) {
        case InputForm::none:
            return arguments.input_count == 0;
        case InputForm::tree:
            return arguments.input_count == 1;
        case InputForm::numbered:
            return arguments.input_count <= kInputImagesMax;
    }
    return false;
}

Status<ArgumentsRefusal> check(const TaskArguments& arguments) {
    if (arguments.task_index >= arguments.task_count) return Err{ArgumentsRefusal::bad_task_index};
    if (!input_is_sound(arguments)) return Err{ArgumentsRefusal::bad_input};
    if (arguments.stdin_length > kRegionSize) return Err{ArgumentsRefusal::stdin_too_long};
    if (std::any_of(arguments.args.begin(), arguments.args.end(), holds_nul) ||
        std::any_of(arguments.env.begin(), arguments.env.end(), holds_nul))
        return Err{ArgumentsRefusal::nul_in_string};
    return check_environment(arguments.env);
}

std::uint64_t size_with_nuls(const std::vector<std::string>& strings) {
    std::uint64_t size = 0;
    for (const std::string& text : strings) size += text.size() + 1;
    return size;
}

std::uint8_t* put_strings(std::uint8_t* to, const std::vector<std::string>& strings) {
    for (const std::string& text : strings) {
        to = std::copy(text.begin(), text.end(), to);
        ++to;  // the page is zero, so the NUL is there already
    }
    return to;
}

}  // namespace

Result<PageBytes, ArgumentsRefusal> encode_arguments(const TaskArguments& arguments) {
    MILLRACE_CHECK(check(arguments));
    std::vector<std::string> env = arguments.env;
    env.push_back("MILLRACE_TASK=" + std::to_string(arguments.task_index));
    env.push_back("MILLRACE_TASKS=" + std::to_string(arguments.task_count));
    const std::uint64_t args_size = size_with_nuls(arguments.args);
    const std::uint64_t env_size = size_with_nuls(env);
    if (args_size > kStringsMax || env_size > kStringsMax - args_size)
        return Err{ArgumentsRefusal::too_long};
    if (arguments.gas_limit > kGasLimitMax) return Err{ArgumentsRefusal::gas_limit_too_high};

    namespace at = arguments_offset;
    PageBytes page{};
    const auto put32 = [&](std::uint64_t offset, std::uint64_t value) {
        store_le(page.data() + offset, static_cast<std::uint32_t>(value));
    };
    const auto put64 = [&](std::uint64_t offset, std::uint64_t value) {
        store_le(page.data() + offset, value);
    };
    put32(at::version, kArgumentsVersion);
    put32(at::input_form, static_cast<std::uint32_t>(arguments.input_form));
    put64(at::input_count, arguments.input_count);
    put64(at::stdin_length, arguments.stdin_length);
    put32(at::task_index, arguments.task_index);
    put32(at::task_count, arguments.task_count);
    put64(at::job_time_ns, arguments.job_time_ns);
    put64(at::gas_limit, arguments.gas_limit);
    put64(at::memory_limit, arguments.memory_limit);
    put64(at::segment_gas, arguments.segment_gas);
    put64(at::output_bytes_max, arguments.output_bytes_max);
    std::memcpy(page.data() + at::seed, arguments.seed.bytes.data(), Seed::kSize);
    put32(at::argument_count, arguments.args.size());
    put32(at::argument_bytes, args_size);
    put32(at::environment_count, env.size());
    put32(at::environment_bytes, env_size);
    put_strings(put_strings(page.data() + at::strings, arguments.args), env);
    return page;
}

std::string to_sentence(ArgumentsRefusal refusal) {
    switch (refusal) {
        case ArgumentsRefusal::bad_task_index:
            return "the task's index is not below the number of tasks";
        case ArgumentsRefusal::bad_input:
            return "an input is no tree, one tree, or at most 65,536 numbered trees";
        case ArgumentsRefusal::stdin_too_long:
            return "standard input is longer than 4 GiB; mount it as a file in /in instead";
        case ArgumentsRefusal::nul_in_string:
            return "an argument or environment entry contains a NUL byte";
        case ArgumentsRefusal::bad_environment:
            return "an environment entry is not NAME=value";
        case ArgumentsRefusal::reserved_environment:
            return "environment names that begin with MILLRACE_ are set by the network";
        case ArgumentsRefusal::too_long:
            return "arguments and environment take more than 3,968 bytes; put the rest in /in";
        case ArgumentsRefusal::gas_limit_too_high:
            return "the gas limit is above 2^50";
    }
    return "unknown refusal";
}

}  // namespace millrace::vm
