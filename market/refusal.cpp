#include "market/refusal.hpp"

namespace millrace::market {

std::string_view sentence(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return "applied";
#define MILLRACE_REFUSAL_SENTENCE(number, name, text) \
    case Refusal::name:                               \
        return text;
            MILLRACE_REFUSALS(MILLRACE_REFUSAL_SENTENCE)
#undef MILLRACE_REFUSAL_SENTENCE
    }
    return "unknown refusal";
}

}  // namespace millrace::market
