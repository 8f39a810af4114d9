#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <type_traits>
#include <utility>

#include "common/assert.hpp"

namespace millrace {

/// Trouble of the world (disk, socket, peer) or a refused input: a stable code for programs and a
/// sentence for people that says what was wrong, where, and what to do.
struct Error {
    int code = 1;
    std::string message;
};

/// Wraps the failure value so that `return Err{...}` converts to any `Result<T, E>`.
template <class E>
struct Err {
    E error;
    explicit constexpr Err(E e) : error(std::move(e)) {}
};
template <class E>
Err(E) -> Err<E>;

/// A value or the reason why there is none; the names are those of `std::expected`.
template <class T, class E = Error>
class [[nodiscard]] Result {
  public:
    using value_type = T;
    using error_type = E;

    // NOLINTNEXTLINE(google-explicit-constructor): a value is a Result, as in std::expected.
    Result(T value) : inner_(boost::system::in_place_value, std::move(value)) {}
    template <class G>
        requires std::is_constructible_v<E, G>
    // NOLINTNEXTLINE(google-explicit-constructor): as std::unexpected converts.
    Result(Err<G> err) : inner_(boost::system::in_place_error, E(std::move(err.error))) {}

    [[nodiscard]] bool has_value() const noexcept { return inner_.has_value(); }
    explicit operator bool() const noexcept { return has_value(); }

    [[nodiscard]] T& operator*() & {
        MILLRACE_ASSERT(has_value());
        return *inner_.operator->();
    }
    [[nodiscard]] const T& operator*() const& {
        MILLRACE_ASSERT(has_value());
        return *inner_.operator->();
    }
    [[nodiscard]] T&& operator*() && {
        MILLRACE_ASSERT(has_value());
        return std::move(*inner_.operator->());
    }
    T* operator->() { return &**this; }
    const T* operator->() const { return &**this; }
    [[nodiscard]] T& value() & { return **this; }
    [[nodiscard]] const T& value() const& { return **this; }
    [[nodiscard]] T&& value() && { return *std::move(*this); }
    [[nodiscard]] T value_or(T other) const { return has_value() ? **this : std::move(other); }
    [[nodiscard]] E error() const {
        MILLRACE_ASSERT(!has_value());
        return inner_.error();
    }

  private:
    boost::system::result<T, E> inner_;
};

/// Success without a value.
struct Ok {
    friend bool operator==(Ok, Ok) = default;
};
template <class E = Error>
using Status = Result<Ok, E>;

}  // namespace millrace

#define MILLRACE_DETAIL_CONCAT2(a, b) a##b
#define MILLRACE_DETAIL_CONCAT(a, b) MILLRACE_DETAIL_CONCAT2(a, b)
#define MILLRACE_DETAIL_TRY(tmp, declaration, expression, ret) \
    auto tmp = (expression);                                   \
    if (!tmp.has_value()) ret ::millrace::Err{tmp.error()};    \
    declaration = *std::move(tmp)

/// `MILLRACE_TRY(auto x, f());` binds the value, or returns the failure from this function.
#define MILLRACE_TRY(declaration, expression) \
    MILLRACE_DETAIL_TRY(MILLRACE_DETAIL_CONCAT(try_, __COUNTER__), declaration, expression, return)
/// The same inside a coroutine.
#define MILLRACE_CO_TRY(declaration, expression)                                            \
    MILLRACE_DETAIL_TRY(MILLRACE_DETAIL_CONCAT(try_, __COUNTER__), declaration, expression, \
                        co_return)
/// For a `Status`: returns the failure, or goes on.
#define MILLRACE_CHECK(expression)                                       \
    do {                                                                 \
        if (auto check_result = (expression); !check_result.has_value()) \
            return ::millrace::Err{check_result.error()};                \
    } while (false)
