// json: text that is kept as it was written, once it is known to be JSON.
//
// Model    One token is looked at after the other; what may come next is a state and, inside arrays
//          and objects, a stack of them. Nothing recurses, so depth is bounded by memory alone.
#include "base/utf8.h"
#include "types/types_internal.h"

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_STRING,
    TOKEN_SCALAR, // a number, true, false or null
    TOKEN_OPEN_OBJECT,
    TOKEN_CLOSE_OBJECT,
    TOKEN_OPEN_ARRAY,
    TOKEN_CLOSE_ARRAY,
    TOKEN_COMMA,
    TOKEN_COLON,
} TokenKind;

typedef struct Lexer {
    const char *at, *end;
    const char *line_start;
    int line;
    const char *token, *token_end;
    TokenKind kind;
} Lexer;

// ---- Errors -------------------------------------------------------------------------------------

// The line up to the end of the token, without what is more than 50 bytes before that.
static void add_context(const Lexer *lexer) {
    enum { SHOWN_MAX = 50, DOTS = 3 };

    const char *start = lexer->line_start;
    while (lexer->token_end - start >= SHOWN_MAX) {
        start += utf8_char_bytes((uint8_t)*start);
    }
    if (start - lexer->line_start <= DOTS) start = lexer->line_start;
    bool is_cut = lexer->kind != TOKEN_END && lexer->token_end < lexer->end
                  && *lexer->token_end != '\n' && *lexer->token_end != '\r';
    error_add_context("JSON data, line %d: %s%.*s%s", lexer->line,
        start > lexer->line_start ? "..." : "", (int)(lexer->token_end - start), start,
        is_cut ? "..." : "");
}

[[gnu::cold]] static Status fail_json(void) {
    return fail(INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json");
}

[[gnu::cold]] static Status fail_token(Lexer *lexer, const char *end) {
    lexer->token_end = end;
    lexer->kind = TOKEN_SCALAR;
    Status status = fail_json();
    error_add_detail("Token \"%.*s\" is invalid.", (int)(end - lexer->token), lexer->token);
    add_context(lexer);
    return status;
}

[[gnu::cold]] static Status fail_expected(const Lexer *lexer, const char *expected) {
    Status status = fail_json();
    if (lexer->kind == TOKEN_END) {
        error_add_detail("The input string ended unexpectedly.");
    } else {
        error_add_detail("Expected %s, but found \"%.*s\".", expected,
            (int)(lexer->token_end - lexer->token), lexer->token);
    }
    add_context(lexer);
    return status;
}

// ---- Tokens -------------------------------------------------------------------------------------

static bool is_hex_digit(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Characters of a word, for telling a whole wrong one.
static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || (c & 0x80) != 0;
}

static const char *character_end(const Lexer *lexer, const char *at) {
    size_t length = utf8_char_bytes((uint8_t)*at);
    return (size_t)(lexer->end - at) < length ? lexer->end : at + length;
}

// The opening quote is at the token's start.
static Status lex_string(Lexer *lexer) {
    const char *at = lexer->token + 1;
    lexer->kind = TOKEN_STRING;
    for (;; at++) {
        if (at >= lexer->end) return fail_token(lexer, lexer->end);
        if (*at == '"') break;
        if ((unsigned char)*at < 0x20) {
            lexer->token_end = at;
            Status status = fail_json();
            error_add_detail("Character with value 0x%02x must be escaped.", *at);
            add_context(lexer);
            return status;
        }
        if (*at != '\\') continue;
        at++;
        if (at >= lexer->end) return fail_token(lexer, lexer->end);
        if (*at == 'u') {
            for (int i = 0; i < 4; i++) {
                at++;
                if (at >= lexer->end) return fail_token(lexer, lexer->end);
                if (is_hex_digit(*at)) continue;
                lexer->token_end = character_end(lexer, at);
                Status status = fail_json();
                error_add_detail("\"\\u\" must be followed by four hexadecimal digits.");
                add_context(lexer);
                return status;
            }
        } else if (strchr("\"\\/bfnrt", *at) == NULL) {
            const char *end = character_end(lexer, at);
            lexer->token_end = end;
            Status status = fail_json();
            error_add_detail("Escape sequence \"\\%.*s\" is invalid.", (int)(end - at), at);
            add_context(lexer);
            return status;
        }
    }
    lexer->at = lexer->token_end = at + 1;
    return OK;
}

static const char *skip_digits(const Lexer *lexer, const char *at) {
    while (at < lexer->end && is_digit(*at)) {
        at++;
    }
    return at;
}

static Status lex_number(Lexer *lexer) {
    const char *at = lexer->token + (*lexer->token == '-'), *digits = at;
    at = at < lexer->end && *at == '0' ? at + 1 : skip_digits(lexer, at);
    bool is_wrong = at == digits;
    if (!is_wrong && at < lexer->end && *at == '.') {
        digits = at + 1;
        at = skip_digits(lexer, digits);
        is_wrong = at == digits;
    }
    if (!is_wrong && at < lexer->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < lexer->end && (*at == '+' || *at == '-')) at++;
        digits = at;
        at = skip_digits(lexer, digits);
        is_wrong = at == digits;
    }
    for (; at < lexer->end && is_word(*at); at++) {
        is_wrong = true;
    }
    if (is_wrong) return fail_token(lexer, at);
    lexer->kind = TOKEN_SCALAR;
    lexer->at = lexer->token_end = at;
    return OK;
}

static Status lex_word(Lexer *lexer) {
    const char *at = lexer->token;
    while (at < lexer->end && is_word(*at)) {
        at++;
    }
    size_t count = (size_t)(at - lexer->token);
    if (count == 0) return fail_token(lexer, character_end(lexer, lexer->token));
    bool is_known = (count == 4 && memcmp(lexer->token, "true", 4) == 0)
                    || (count == 4 && memcmp(lexer->token, "null", 4) == 0)
                    || (count == 5 && memcmp(lexer->token, "false", 5) == 0);
    if (!is_known) return fail_token(lexer, at);
    lexer->kind = TOKEN_SCALAR;
    lexer->at = lexer->token_end = at;
    return OK;
}

static Status lex(Lexer *lexer) {
    for (; lexer->at < lexer->end; lexer->at++) {
        char c = *lexer->at;
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') break;
        if (c == '\n') {
            lexer->line++;
            lexer->line_start = lexer->at + 1;
        }
    }
    lexer->token = lexer->token_end = lexer->at;
    lexer->kind = TOKEN_END;
    if (lexer->at == lexer->end) return OK;
    static const char marks[] = "{}[],:";
    static const TokenKind kinds[] = {TOKEN_OPEN_OBJECT, TOKEN_CLOSE_OBJECT, TOKEN_OPEN_ARRAY,
        TOKEN_CLOSE_ARRAY, TOKEN_COMMA, TOKEN_COLON};
    char c = *lexer->at;
    const char *mark = c != '\0' ? strchr(marks, c) : NULL;
    if (mark != NULL) {
        lexer->kind = kinds[mark - marks];
        lexer->at = lexer->token_end = lexer->at + 1;
        return OK;
    }
    if (c == '"') return lex_string(lexer);
    return c == '-' || is_digit(c) ? lex_number(lexer) : lex_word(lexer);
}

// ---- Grammar ------------------------------------------------------------------------------------

// What may come next.
typedef enum Expected {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_CLOSE, // behind [
    EXPECT_KEY_OR_CLOSE,   // behind {
    EXPECT_KEY,            // behind a comma in an object
    EXPECT_COLON,
    EXPECT_NEXT, // behind a value
} Expected;

// `open` holds a bracket for each array and object that is open.
static Status check(Lexer *lexer, Text *open) {
    Expected expected = EXPECT_VALUE;
    TRY(lex(lexer));
    for (;;) {
        TokenKind kind = lexer->kind;
        bool is_object = open->count > 0 && open->data[open->count - 1] == '{';
        bool is_close = kind == TOKEN_CLOSE_OBJECT || kind == TOKEN_CLOSE_ARRAY;
        switch (expected) {
        case EXPECT_VALUE_OR_CLOSE:
        case EXPECT_VALUE:
            if (kind == TOKEN_CLOSE_ARRAY && expected == EXPECT_VALUE_OR_CLOSE) {
                open->count--;
                expected = EXPECT_NEXT;
            } else if (kind == TOKEN_OPEN_OBJECT || kind == TOKEN_OPEN_ARRAY) {
                text_append_char(open, kind == TOKEN_OPEN_OBJECT ? '{' : '[');
                expected = kind == TOKEN_OPEN_OBJECT ? EXPECT_KEY_OR_CLOSE : EXPECT_VALUE_OR_CLOSE;
            } else if (kind == TOKEN_STRING || kind == TOKEN_SCALAR) {
                expected = EXPECT_NEXT;
            } else {
                return fail_expected(lexer, "JSON value");
            }
            break;
        case EXPECT_KEY_OR_CLOSE:
            if (kind == TOKEN_CLOSE_OBJECT) {
                open->count--;
                expected = EXPECT_NEXT;
            } else if (kind == TOKEN_STRING) {
                expected = EXPECT_COLON;
            } else {
                return fail_expected(lexer, "string or \"}\"");
            }
            break;
        case EXPECT_KEY:
            if (kind != TOKEN_STRING) return fail_expected(lexer, "string");
            expected = EXPECT_COLON;
            break;
        case EXPECT_COLON:
            if (kind != TOKEN_COLON) return fail_expected(lexer, "\":\"");
            expected = EXPECT_VALUE;
            break;
        case EXPECT_NEXT:
            if (open->count == 0) {
                return kind == TOKEN_END ? OK : fail_expected(lexer, "end of input");
            }
            if (kind == TOKEN_COMMA) {
                expected = is_object ? EXPECT_KEY : EXPECT_VALUE;
            } else if (is_close && (kind == TOKEN_CLOSE_OBJECT) == is_object) {
                open->count--;
            } else {
                return fail_expected(lexer, is_object ? "\",\" or \"}\"" : "\",\" or \"]\"");
            }
            break;
        }
        TRY(lex(lexer));
    }
}

// ---- Operations ---------------------------------------------------------------------------------

static Status json_from_text([[maybe_unused]] const ValueContext *context, const char *text,
    size_t count, [[maybe_unused]] int32_t modifier, Arena *arena, Datum *datum_out) {
    Lexer lexer = {.at = text, .end = text + count, .line_start = text, .line = 1};
    Text open;
    text_init(&open, arena);
    TRY(check(&lexer, &open));
    *datum_out = (Datum){.view = view_make(text, count)};
    return OK;
}

static void json_to_text(
    [[maybe_unused]] const ValueContext *context, const Datum *datum, Text *out) {
    text_append(out, view_data(&datum->view), datum->view.count);
}

static Status json_from_binary(
    const ValueContext *context, Bytes bytes, int32_t modifier, Arena *arena, Datum *datum_out) {
    TRY(utf8_check((const char *)bytes.data, bytes.count));
    return json_from_text(
        context, (const char *)bytes.data, bytes.count, modifier, arena, datum_out);
}

const TypeOps json_ops = {
    .physical = PHYSICAL_VIEW,
    .from_text = json_from_text,
    .to_text = json_to_text,
    .from_binary = json_from_binary,
    .to_binary = json_to_text,
};
