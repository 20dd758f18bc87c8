/** Fastify, as a user would write it: no logger, and a parser that leaves the body as it came. */
import Fastify from 'fastify';

const app = Fastify();

app.removeContentTypeParser('application/json');
app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
  done(null, body);
});

app.get('/', (_request, reply) => {
  reply.send('Hello, World!\n');
});
app.post('/echo', (request, reply) => {
  reply.header('content-type', 'application/json').send(request.body);
});

console.log(`${await app.listen({ host: '127.0.0.1', port: 0 })}/`);
