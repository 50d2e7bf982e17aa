// What the official npm client makes of a server: the server on stdin, findings on stdout.
import { AppwriteException, Client, Project } from 'node-appwrite';

const given = JSON.parse(await new Response(process.stdin).text());

function project(secret) {
    return new Project(new Client().setEndpoint(given.endpoint).setProject(given.project).setKey(secret));
}

async function tried(call) {
    try {
        return await call();
    } catch (error) {
        if (error instanceof AppwriteException) return [error.code, error.type];
        throw error;
    }
}

function shown(key) {
    return { id: key.$id, name: key.name, scopes: key.scopes, expire: key.expire, secret: key.secret.slice(0, 9) };
}

const byKey = project(given.key);
const expire = '2030-01-01T00:00:00.000+00:00';
const found = {
    'create by key': await tried(async () =>
        shown(await byKey.createKey({ keyId: 'by-key', name: 'By key', scopes: ['users.read'] })),
    ),
    list: (await byKey.listKeys()).keys.map((key) => key.$id).sort(),
    get: shown(await byKey.getKey({ keyId: 'subject' })),
    update: shown(await byKey.updateKey({ keyId: 'subject', name: 'Renamed', scopes: ['keys.read'], expire })),
    missing: await tried(() => byKey.getKey({ keyId: 'missing' })),
    wrong: await tried(() => project('standard_x').listKeys()),
    invalid: await tried(() => byKey.updateKey({ keyId: 'subject', name: '', scopes: [] })),
};
const ephemeral = await byKey.createEphemeralKey({ scopes: ['keys.read'], duration: 60 });
found.ephemeral = { ...shown(ephemeral), expire: '', id: '' };
found['listed by ephemeral'] = (await project(ephemeral.secret).listKeys()).keys.length;
await byKey.deleteKey({ keyId: 'subject' });
found.delete = null;
found.deleted = await tried(() => byKey.getKey({ keyId: 'subject' }));
process.stdout.write(JSON.stringify({ keys: found }));
